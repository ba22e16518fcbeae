"""In: nothing. Out: the rules of the report's style sheet; colours come from the tokens. Writes no interactions."""

from __future__ import annotations

_PAGE = """
/* the page */
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--paper);color:var(--ink);font-size:14px;line-height:1.45;
font-family:Inter,system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
font-variant-numeric:tabular-nums;overflow-wrap:break-word}
bdi,q,code{overflow-wrap:anywhere}
.index bdi{overflow-wrap:break-word}
main,.top,footer{max-width:1120px;margin:0 auto;padding:0 24px}
a{color:var(--accent);text-decoration:none}
a:hover{text-decoration:underline}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:2px}
.skip{position:absolute;left:-9999px}
.skip:focus{left:24px;top:8px;background:var(--paper);padding:4px 8px;z-index:2}
.top{display:flex;gap:4px 20px;flex-wrap:wrap;align-items:baseline;padding-top:20px;padding-bottom:12px;
font-size:12px;color:var(--soft)}
.top b{color:var(--ink);font-size:14px;margin-right:auto}
h1{font-size:28px;line-height:1.2;font-weight:600;letter-spacing:-.012em;max-width:27em;margin:28px 0 10px;
text-wrap:balance}
h2{font-size:20px;line-height:1.3;font-weight:600;letter-spacing:-.006em;max-width:38em;margin:0 0 4px;
text-wrap:balance}
h3{font-size:12px;font-weight:600;color:var(--soft);margin:0 0 4px;padding-bottom:6px;
border-bottom:1px solid var(--rule)}
.lead{font-size:16px;max-width:70ch;margin:0}
.note{color:var(--soft);font-size:12px;max-width:86ch;margin:6px 0 0}
section{padding:36px 0 4px}
section+section{border-top:1px solid var(--rule);margin-top:32px}
.q,.soft{color:var(--soft)}
.n{text-align:right;white-space:nowrap}
.nw{white-space:nowrap}
.bad-t{color:var(--bad)}
.good-t{color:var(--good)}
.act-t{color:var(--act);font-weight:600}
q{font-family:"Iowan Old Style","Palatino Linotype",Palatino,"Source Serif 4",Georgia,serif;
font-size:15px;line-height:1.4;quotes:"\\201c" "\\201d"}
ul{list-style:none;margin:0;padding:0}
dl{margin:0}
dd{margin:0}
.wide{overflow-x:auto}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:36px;margin-top:24px}

/* the base in figures */
.figs{display:grid;grid-template-columns:repeat(4,1fr);gap:20px 28px;margin:22px 0 8px}
.figs div{min-width:0}
.figs dt,.figs span{font-size:12px;color:var(--soft)}
.figs span{display:block}
.figs dd b{font-size:20px;font-weight:600;letter-spacing:-.01em}

/* tables */
table{width:100%;border-collapse:collapse}
th{text-align:left;font-weight:400}
thead th{font-size:12px;color:var(--soft);padding:4px 10px 6px 0;border-bottom:1px solid var(--rule);
vertical-align:bottom}
td,tbody th{padding:6px 10px 6px 0;vertical-align:top;border-bottom:1px solid var(--rule)}
tbody tr:last-child>*{border-bottom:0}
thead th.n,td.n{padding-left:6px}

/* the map */
.map{min-width:760px;border-collapse:separate;border-spacing:2px;margin-top:14px}
.map thead th{border:0;padding:2px 4px 4px;text-align:center}
.map thead th:first-child{text-align:left}
.map thead span{display:block}
.map tbody th{border:0;padding:3px 10px 3px 12px;position:sticky;left:0;background:var(--paper);white-space:nowrap}
.map tbody th span{color:var(--soft);font-size:12px;margin-left:6px}
.map tr.dep th{font-weight:600;padding-left:0;padding-top:12px}
.map tr.dep td{padding-top:12px}
.map td{border:0;padding:4px 6px;text-align:center;line-height:1.25;width:11.5%}
.map td b{font-weight:600;display:block}
.map td span{display:block;font-size:11px}
.map td.few{color:var(--soft)}
.map td.few b{font-weight:400}
.scale{display:flex;gap:2px;align-items:center;font-size:12px;color:var(--soft);margin:10px 0 0;flex-wrap:wrap}
.scale i{width:22px;height:12px;display:inline-block}
.scale i:first-of-type{margin-left:6px}
.scale i:last-of-type{margin-right:6px}

"""

DRAWN = """
/* drawings */
svg{display:block;overflow:visible}
svg:where(:not(.chart)) text{font:11px Inter,system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:var(--soft);
font-variant-numeric:tabular-nums}
.axis{stroke:var(--rule)}
.zero{stroke:var(--soft)}
.tick,.sign text{text-anchor:middle}
.good{--c:var(--good)}
.bad{--c:var(--bad)}
.neu,.unk{--c:var(--neutral)}
.hist rect{fill:var(--c);opacity:.85}
.bars td{border:0;padding:5px 10px 5px 0}
.bars td.g{width:34%;vertical-align:middle;padding-right:0}
.bars th{border:0;padding:5px 12px 5px 0}
.bars small{display:block;color:var(--soft);font-size:12px}
.bars svg{width:100%;height:10px}
.bar{fill:var(--accent)}
.track{fill:var(--wash)}
.iv{fill:var(--accent);opacity:.28}
.pt{fill:var(--accent)}

/* the line */
.rtl{direction:rtl;overflow-x:auto;margin:14px 0 0;padding-bottom:2px}
.rtl>*{direction:ltr;min-width:940px}
svg.line{width:100%}
.stage{fill:var(--wash)}
.stage.s1{fill:none}
.side{text-anchor:end}
.line .lab,.course .lab{fill:var(--ink);paint-order:stroke;stroke:var(--paper);stroke-width:3px;stroke-linejoin:round}
.today{stroke:var(--ink);stroke-dasharray:1 3}
.band{fill:var(--accent);opacity:.13}
.curve{fill:none;stroke:var(--accent);stroke-width:2;stroke-linejoin:round}
.fut{fill:none;stroke:var(--accent);stroke-width:1.6;stroke-dasharray:3 4}
.stem{stroke:var(--c);stroke-width:.8;opacity:.55}
.t{stroke:var(--c);stroke-width:1.4}
.m>circle,.m>rect,.m>path{stroke:var(--c);stroke-width:1.5;fill:var(--c)}
.m.hollow>circle,.m.hollow>rect,.m.hollow>path{fill:var(--paper)}
.m.unk>*{stroke-width:1.1}
.m>.hit,.m.hollow>.hit{fill:none;stroke:none;pointer-events:all}
.m .tip{opacity:0;fill:var(--ink);pointer-events:none}
.m:hover .tip,.m:focus .tip{opacity:1}
.m:hover>circle:not(.hit),.m:hover>rect,.m:hover>path{stroke-width:3}
.m:focus{outline:none}
.m:focus>.hit{stroke:var(--accent);stroke-width:1.5}
.sign circle{fill:var(--paper);stroke:var(--accent)}
.line .sign text,.sg .sign text{font-weight:600;font-size:9.5px;fill:var(--accent)}
.ep line{stroke:var(--c);stroke-width:2;stroke-linecap:round;opacity:.75}
.ep.bad line{stroke-width:3.6;opacity:1}
.ep.open line{stroke-dasharray:5 3}
.next>circle,.next>rect,.next>path{fill:none;stroke:var(--accent);stroke-width:1.5;stroke-dasharray:2 2}
.next.held>circle,.next.held>rect,.next.held>path{stroke:var(--neutral)}
.next.goes>circle,.next.goes>rect,.next.goes>path{stroke-dasharray:none;stroke-width:2}
.next .bar{stroke:var(--neutral);stroke-width:2}
.next.goes .why{fill:var(--accent)}
.small{display:inline-block;vertical-align:middle}
.small .curve{stroke-width:1.4}
.small .now{fill:var(--accent)}
.key{color:var(--soft);font-size:12px;margin:14px 0 0;display:flex;flex-wrap:wrap;gap:4px 16px}
.key span{display:inline-flex;gap:5px;align-items:center}

"""
"""The rules of drawings alone: the console's sheet takes them too, so that the line looks the same everywhere."""

_REST = """
/* one customer */
.index{margin-top:14px}
.index td,.index th{padding:5px 12px 5px 0;vertical-align:middle}
.index th{white-space:nowrap}
.index small{color:var(--soft);font-size:12px;margin-left:6px}
.who{padding:30px 0 8px;border-top:1px solid var(--rule);margin-top:30px}
.who header{display:flex;gap:2px 16px;flex-wrap:wrap;align-items:baseline}
.who header h3{font-size:20px;color:var(--ink);border:0;padding:0;margin:0;letter-spacing:-.006em}
.who header p{margin:0;color:var(--soft)}
.answer{font-size:16px;max-width:76ch;margin:8px 0 0}
.facts{display:grid;grid-template-columns:repeat(6,auto);gap:10px 28px;border-top:1px solid var(--rule);
border-bottom:1px solid var(--rule);padding:10px 0;margin:14px 0 22px}
.facts dt{font-size:12px;color:var(--soft)}
.cols{display:grid;grid-template-columns:1fr 1.35fr 1.15fr;gap:36px}
.sides td,.sides th{border:0;padding:4px 8px 4px 0;white-space:nowrap}
.sides td.g{width:42%;vertical-align:middle}
.sides svg{width:100%;height:14px;min-width:84px}
.waits li,.voices li{padding:8px 0;border-bottom:1px solid var(--rule)}
.waits li:last-child,.voices li:last-child{border:0}
.waits p{margin:2px 0 0;color:var(--soft);font-size:13px}
.waits b{font-weight:600}
.waits .st{float:right;font-size:12px;color:var(--soft);margin-left:8px}
.waits .goes .st{color:var(--accent);font-weight:600}
.waits .held .st{color:var(--bad)}
.voices span{display:block;color:var(--soft);font-size:12px}
details{margin-top:14px}
summary{cursor:pointer;color:var(--accent);font-size:13px;width:max-content;max-width:100%}
summary:hover{text-decoration:underline}
details>table{margin-top:8px}
.list td,.many td,.many th{font-size:13px}
.list q{font-size:14px}
.list q,.list small{display:block;margin-left:20px}
.list small{color:var(--soft);font-size:12px}
.list tr:target>*{background:var(--wash)}
.list .sw{display:inline-block;width:14px;height:14px;vertical-align:-2px;margin-right:6px}
.many code{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;color:var(--soft)}

footer{border-top:1px solid var(--rule);margin-top:48px;padding-top:20px;padding-bottom:48px;color:var(--soft);
font-size:12px}
footer p{max-width:92ch;margin:0 0 8px}
footer b{color:var(--ink);font-weight:600}

@media (max-width:900px){
.figs{grid-template-columns:repeat(2,1fr)}
.pair,.cols{grid-template-columns:1fr;gap:26px}
.facts{grid-template-columns:1fr 1fr}
}
@media (max-width:560px){
main,.top,footer{padding-left:16px;padding-right:16px}
h1{font-size:22px;margin-top:18px}
h2{font-size:18px}
.figs{gap:16px 20px}
.rtl,.wide{margin-left:-16px;margin-right:-16px;padding-left:16px;padding-right:16px}
.rtl>*{min-width:860px}
.small{max-width:84px}
.index td,.index th{padding-right:8px}
.index th{white-space:normal}
.index small{display:block;margin:0}
.bars td.g{width:22%}
.scale i{width:15px}
.hide,.map tbody th span{display:none}
}
@media print{
.top,.skip{display:none}
.who{break-inside:avoid}
}
"""

SHEET = f"{_PAGE}{DRAWN}{_REST}"
"""Every rule; whitespace is the sheet's own, so that it can be read in the file that carries it."""
