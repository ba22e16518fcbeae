// Sends what every client sends, with RudderStack's own client: node rudderstack_node.js URL KEY EVENTS.
const Analytics = require("@rudderstack/rudder-sdk-node");

const [url, key, events] = process.argv.slice(2);
const who = "rudderstack-node";
const failed = (error) => { console.error(error); process.exitCode = 1; };
const client = new Analytics(key, { dataPlaneUrl: url, flushAt: 20, flushInterval: 200, logLevel: "error", errorHandler: failed });
client.identify({ userId: who, traits: { email: `${who}@example.org`, name: "Jörg 🚲" } });
for (let n = 0; n < Number(events); n++) {
  client.track({ userId: who, event: "Bought", properties: { n, total: 1.5, note: "für später" } });
}
client.page({ userId: who, category: "Docs", name: "Home", properties: { path: "/" } });
client.screen({ userId: who, category: "App", name: "Main" });
client.group({ userId: who, groupId: "g1", traits: { name: "Acme" } });
client.alias({ userId: who, previousId: `before-${who}` });
client.track({ anonymousId: `anonymous-${who}`, event: "Seen", properties: {} });
client.flush();
