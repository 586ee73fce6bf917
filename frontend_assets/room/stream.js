// A live room's server as a page reaches it: single requests, and one stream of events that comes back by itself.
//
// The stream is read by `fetch`, which unlike EventSource can carry the presenter's secret, tells an ended room from a lost connection,
// and notices a connection that has silently died.
/**
 * @typedef {{ name: string, data: any }} Told an event of the stream
 * @typedef {{ path: string, query: string, camera: import("../scene/page_camera.js").Seen | null }} Shown what a presenter shows
 */

export const API = "/api/v1/rooms";
const SILENCE = 40000; // milliseconds after which a stream is dead; the server breaks silence every 15 s
/** @param {number} ms */
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** @param {string} id */
export const url = (id, path = "") => `${API}/${encodeURIComponent(id)}${path}`;
/**
 * @param {string | null} [token]
 * @returns {Record<string, string>}
 */
const bearer = (token) => (token ? { Authorization: `Bearer ${token}` } : {});

/**
 * @param {string} address
 * @param {string} method
 * @param {unknown} [body]
 * @param {string | null} [token]
 */
export const call = (address, method, body, token) => window.fetch(address, {
  method,
  headers: { ...(body ? { "Content-Type": "application/json" } : {}), ...bearer(token) },
  body: body ? JSON.stringify(body) : undefined,
  keepalive: method === "PUT",
});
/**
 * Milliseconds to wait before asking again.
 * @param {Response} response
 */
export const waitOf = (response) => 1000 * (Number(response.headers.get("Retry-After")) || 2);

/**
 * After a failure: longer each time, a little different in each of many pages, and at once when the network is back.
 * @param {number} failures
 * @returns {Promise<void>}
 */
export const patience = (failures) => new Promise((resolve) => {
  const done = () => {
    clearTimeout(timer);
    window.removeEventListener("online", done);
    document.removeEventListener("visibilitychange", done);
    resolve();
  };
  const timer = setTimeout(done, Math.min(400 * 2 ** failures, 8000) * (0.6 + 0.8 * Math.random()));
  window.addEventListener("online", done);
  document.addEventListener("visibilitychange", done); // a phone taken out of the pocket
});

/**
 * @param {Response} response
 * @returns {AsyncGenerator<Told>}
 */
async function* events(response, alive = () => {}) {
  if (!response.body) return;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    alive();
    const parts = (rest + decoder.decode(value, { stream: true })).split("\n\n");
    rest = parts.pop() ?? "";
    for (const part of parts) {
      /** @type {Record<string, string>} */
      const event = {};
      for (const line of part.split("\n")) {
        const colon = line.indexOf(": ");
        if (colon > 0) event[line.slice(0, colon)] = line.slice(colon + 2);
      }
      if (event.event) yield { name: event.event, data: JSON.parse(event.data) };
    }
  }
}

/**
 * Hears a room until the function it returns is called. `seen` tells the newest revision here; `heard` gets each event; `stands` is told
 * "live" and "lost" in turn, and once, at the end, "ended" (there is no such room) or "refused" (the token is void).
 * @param {{ id: string, token: string | null, seen: () => number | null, heard: (event: Told) => void, stands: (how: string) => void }} room
 */
export function listen({ id, token, seen, heard, stands }) {
  let going = true;
  /** @type {AbortController | null} */
  let stream = null;
  const cut = () => stream?.abort();
  /** @param {string} how */
  const finish = (how) => { if (going) { stop(); stands(how); } };

  // One connection; whether it was one.
  async function once() {
    const controller = stream = new AbortController();
    /** @type {number | undefined} */
    let watch;
    let live = false;
    const alive = () => { clearTimeout(watch); watch = setTimeout(() => controller.abort(), SILENCE); };
    try {
      alive();
      const headers = token ? bearer(token) : seen() === null ? {} : { "Last-Event-ID": String(seen()) };
      const response = await window.fetch(url(id, "/events"), { headers, signal: controller.signal, cache: "no-store" });
      if (response.status === 404) finish("ended");
      else if (response.status === 403 && token) finish("refused");
      else if (response.status === 429) { if (going) stands("lost"); await pause(waitOf(response)); }
      live = response.ok && going;
      if (!live) return false;
      stands("live");
      for await (const event of events(response, alive)) {
        if (!going) break;
        heard(event);
      }
    } catch { /* the next one may be better */ } finally { clearTimeout(watch); }
    return live;
  }

  async function run() {
    for (let failures = 0; going; failures += 1) {
      if (await once()) failures = 0;
      if (!going) break;
      stands("lost");
      await patience(failures);
    }
  }
  function stop() {
    going = false;
    window.removeEventListener("offline", cut);
    cut();
  }
  window.addEventListener("offline", cut);
  run();
  return stop;
}

/**
 * The state that the room shows now; null where nothing was shown yet.
 * @param {string} id
 * @returns {Promise<Shown | null>}
 */
export async function snapshot(id) {
  const controller = new AbortController();
  try {
    const response = await window.fetch(url(id, "/events"), { signal: controller.signal, cache: "no-store" });
    if (!response.ok) return null;
    for await (const { name, data } of events(response)) {
      if (name === "state") return data.state;
      if (name === "room") return null; // a state would have come before
    }
    return null;
  } finally { controller.abort(); }
}
