// What both browser clients' pages share. A page is opened as PAGE?url=…&key=…; what
// it did stands in window.report when report.done is true.
window.report = { sent: [], errors: [], done: false };
const wrong = (error) => window.report.errors.push(String(error));
window.addEventListener("error", (event) => wrong(event.message));
window.addEventListener("unhandledrejection", (event) => wrong(event.reason));

window.run = async (start) => {
  const query = new URLSearchParams(location.search);
  const calls = await (await fetch("calls.json")).json();
  const { client } = await start(query.get("url"), query.get("key"), query);
  for (const call of calls) {
    const make = WAYS[call.type];
    if (client[call.type]) {
      await make(client, call);
      window.report.sent.push(call.type);
    }
  }
  window.report.done = true;
};

const WAYS = {
  track: (client, call) => client.track(call.event, call.properties),
  identify: (client, call) => client.identify("ana", call.traits),
  page: (client, call) => client.page(call.category, call.name, call.properties),
  screen: (client, call) => client.screen(call.category, call.name, call.properties),
  group: (client, call) => client.group(call.groupId, call.traits),
  alias: (client, call) => client.alias("ana", call.previousId),
};
