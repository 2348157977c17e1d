// The public API, as a browser may call it: with the publishable key, from any site.
const { key } = document.body.dataset;

export async function call(method, path, body, more = {}) {
  const answer = await fetch(`/api/v1/${path}`, {
    method,
    headers: { Authorization: `Bearer ${key}`, ...(body ? { "Content-Type": "application/json" } : {}) },
    body: body && JSON.stringify(body),
    credentials: "omit",
    ...more,
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}
