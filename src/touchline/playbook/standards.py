"""In: nothing. Out: the world's currencies and countries. Writes no interactions.

ISO 4217 currencies in use with their minor units; the countries of ISO 3166 that have telephone numbers of their own.
"""

from __future__ import annotations

from phonenumbers import SUPPORTED_REGIONS

_BY_MINOR_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD "
        "CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD "
        "HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD "
        "MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON "
        "RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD "
        "TZS UAH USD UYU UZS VES WST XCD XCG YER ZAR ZMW ZWG "
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF",
}

CURRENCIES: dict[str, int] = {code: 10**digits for digits, codes in _BY_MINOR_DIGITS.items() for code in codes.split()}
"""ISO 4217 code -> minor units in one: 100 for most, 1 for JPY, 1000 for KWD."""

COUNTRIES: frozenset[str] = frozenset(SUPPORTED_REGIONS)
"""ISO 3166 alpha-2."""
