"""First programs for who connects a shop: an event in, offers out.

Each runs as it is pasted, with the server's own address and a key put in; a test runs
them all. SECRET and PUBLISHABLE stand for a key until one has been made.
"""

from dataclasses import dataclass

SECRET, PUBLISHABLE = "sk_YOUR_SECRET_KEY", "pk_YOUR_PUBLISHABLE_KEY"


@dataclass(frozen=True, kw_only=True)
class Snippet:
    """A program in one language; `file` is what to call it."""

    slug: str
    name: str
    file: str
    text: str
    publishable: bool = False

    def filled(self, address: str, key: str | None) -> str:
        """Return the program with an address and a key in it."""
        key = key or (PUBLISHABLE if self.publishable else SECRET)
        return self.text.replace("ADDRESS", address).replace("KEY", key)


BROWSER = """\
<script type="module">
  const address = "ADDRESS", key = "KEY";  // publishable: may stand in a page

  async function call(method, path, body) {
    const headers = {
      Authorization: `Bearer ${key}`, "Content-Type": "application/json",
    };
    const answer = await fetch(`${address}/api/v1/${path}`, {
      method, headers, body: body && JSON.stringify(body), keepalive: true,
    });
    return answer.json();
  }

  const told = await call("POST", "events", { events: [{
    id: crypto.randomUUID(), type: "product_viewed", customer: "customer-1",
    data: { sku: "tea-1", category: "TEAS" },
  }] });
  const { offers } = await call("GET", "customers/customer-1/offers");
  console.log(told.results[0].status, offers.length, "offers");
</script>
"""
CURL = """\
curl -s ADDRESS/api/v1/events \\
  -H 'Authorization: Bearer KEY' -H 'Content-Type: application/json' \\
  -d '{"events": [{"id": "view-'$(date +%s)'", "type": "product_viewed",
       "customer": "customer-1", "data": {"sku": "tea-1", "category": "TEAS"}}]}'

curl -s ADDRESS/api/v1/customers/customer-1/offers \\
  -H 'Authorization: Bearer KEY'
"""
PYTHON = """\
import json
import urllib.request
import uuid

PROFFER = "ADDRESS"
SECRET = "KEY"  # keep it on your server


def call(method, path, body=None):
    request = urllib.request.Request(
        f"{PROFFER}/api/v1/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {SECRET}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


told = call("POST", "events", {"events": [{
    "id": str(uuid.uuid4()), "type": "product_viewed", "customer": "customer-1",
    "data": {"sku": "tea-1", "category": "TEAS"},
}]})
offers = call("GET", "customers/customer-1/offers")["offers"]
print(told["results"][0]["status"], len(offers), "offers")
"""
NODE = """\
// Node 18 or later: node connect.mjs
import { randomUUID } from "node:crypto";

const address = "ADDRESS", secret = "KEY";  // keep it on your server

async function call(method, path, body) {
  const headers = {
    Authorization: `Bearer ${secret}`, "Content-Type": "application/json",
  };
  const answer = await fetch(`${address}/api/v1/${path}`, {
    method, headers, body: body && JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
  return answer.json();
}

const told = await call("POST", "events", { events: [{
  id: randomUUID(), type: "product_viewed", customer: "customer-1",
  data: { sku: "tea-1", category: "TEAS" },
}] });
const { offers } = await call("GET", "customers/customer-1/offers");
console.log(told.results[0].status, offers.length, "offers");
"""
SNIPPETS = (
    Snippet(
        slug="browser",
        name="Browser",
        file="connect.html",
        text=BROWSER,
        publishable=True,
    ),
    Snippet(slug="curl", name="curl", file="connect.sh", text=CURL),
    Snippet(slug="python", name="Python", file="connect.py", text=PYTHON),
    Snippet(slug="node", name="Node", file="connect.mjs", text=NODE),
)
