import { Analytics } from "@segment/analytics-node";

import { run } from "./node.mjs";

await run(async ({ url, key, calls, done, wrong }) => {
  const client = new Analytics({ writeKey: key, host: url, maxRetries: 3 });
  client.on("error", ({ code, reason }) => wrong(`${code} ${reason}`));
  for (const { type, ...fields } of calls) {
    client[type](fields, done({ type }));
  }
  await client.closeAndFlush();
});
