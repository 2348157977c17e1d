// What both Node clients' scripts share: `node SCRIPT URL KEY` makes every call of
// calls.json, prints {sent, errors} as JSON and fails if anything went wrong.
import { readFileSync } from "node:fs";

const CALLS = new URL("calls.json", import.meta.url);

export async function run(send) {
  const [url, key] = process.argv.slice(2);
  const report = { sent: [], errors: [] };
  const wrong = (error) => report.errors.push(String(error));
  process.on("unhandledRejection", wrong);
  process.on("uncaughtException", wrong);
  process.on("exit", () => {
    process.stdout.write(JSON.stringify(report));
    process.exitCode = report.errors.length ? 1 : 0;
  });

  const calls = JSON.parse(readFileSync(CALLS)).map(({ anonymous, ...call }) =>
    anonymous
      ? { ...call, anonymousId: "visitor-1" }
      : { ...call, userId: "ana" },
  );
  const done = (call) => (error) =>
    error ? wrong(error) : report.sent.push(call.type);
  await send({ url, key, calls, done, wrong }).catch(wrong);
}
