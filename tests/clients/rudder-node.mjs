import Analytics from "@rudderstack/rudder-sdk-node";

import { run } from "./node.mjs";

await run(async ({ url, key, calls, done }) => {
  const client = new Analytics(key, { dataPlaneUrl: url });
  for (const { type, ...fields } of calls) {
    client[type](fields, done({ type }));
  }
  await client.flush();
});
