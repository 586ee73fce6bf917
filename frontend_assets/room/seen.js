// What is seen of a live room, and the buttons: one line in the header, one part of Share. What they do is in room.js.
import { copyFrom } from "../kit/copy.js";
import { byId, find, isOpen, pressed, root } from "../kit/dom.js";
import { hear } from "../kit/events.js";
import { back } from "./follower.js";
import { reveal } from "./presenter.js";
import * as live from "./room.js";
import { call, url } from "./stream.js";

/** @type {Record<string, string>} */
const ENDED = { ended: "The live room has ended", expired: "The live room has ended: it was open for a day" };
const LOCAL = ["localhost", "127.0.0.1", "[::1]"];
let trouble = ""; // what went wrong, said in Share
/** @type {string | null} */
let invited = null; // the room whose link Share shows

/**
 * @param {string} id
 * @param {boolean} visible
 */
const show = (id, visible) => { byId(id).hidden = !visible; };
/**
 * @param {string} id
 * @param {string} text
 */
const say = (id, text) => { if (byId(id).textContent !== text) byId(id).textContent = text; };

const fold = () => /** @type {HTMLDetailsElement} */ (byId("share"));
const invitation = () => /** @type {HTMLAnchorElement} */ (byId("room-link"));
const code = () => /** @type {HTMLImageElement} */ (byId("room-qr"));

function draw() {
  if (!find("room")) return;
  const { room, own, link, over, people, absent, answers, revealed } = live.now();
  if (trouble && trouble !== byId("room-problem").textContent) fold().open = true;
  say("room-problem", trouble);
  const presented = room?.token ? room : null;
  const presenting = presented !== null;
  const orphan = Boolean(own && !own.elsewhere); // this browser's room, with nobody presenting
  const role = over ? "over" : presenting ? "presenter" : room && room.following ? "follower" : room ? "explorer" : orphan ? "own" : "";
  if (role) root.dataset.room = role; else delete root.dataset.room;
  root.dataset.roomLink = link === "live" && absent && !presenting ? "away" : link;
  show("room", Boolean(role));
  show("room-start", !presenting);
  show("room-own", !presenting && Boolean(own));
  say("room-resume", own && own.elsewhere ? "Present from this tab" : "Resume your live room");
  say("room-own-words", own && own.elsewhere ? "Another tab of this browser presents your live room." : "Your live room is still open; its followers are waiting.");
  show("room-invite", presenting);
  if (presented) invite(presented); else invited = null;
  if (!role) return;

  const following = absent ? "Waiting for the presenter" : answers && !revealed ? "Your answer is sent" : "Live";
  /** @type {Record<string, string>} */
  const words = { over: ENDED[link], presenter: "Live", explorer: "On your own", own: "", follower: following };
  say("room-words", link === "lost" ? "Reconnecting" : words[role]);
  say("room-followers", people && room ? `${people.followers} following` : "");
  show("room-follow", role === "explorer");
  show("room-take", orphan && !presenting);
  show("room-leave", true);
  const given = presenting && answers?.counts ? answers.counts.reduce((sum, each) => sum + each, 0) : 0;
  show("room-answers", given > 0 && !answers?.shown);
  say("room-answers", `Show ${given} answer${given === 1 ? "" : "s"}`);
  if (!byId("room-leave").dataset.sure) say("room-leave", over ? "Close" : presenting || role === "own" ? "End" : "Leave");
}

/** @param {{ id: string }} room */
async function invite(room) {
  if (invited === room.id) return;
  invited = room.id;
  const told = await fetch(url(room.id)).then((response) => response.json(), () => null);
  if (!told || !told.audience_url || invited !== room.id) { if (!told) invited = null; return; }
  invitation().href = told.audience_url;
  say("room-link", told.audience_url.replace(/^https?:\/\//, ""));
  code().src = url(room.id, "/qr.svg");
  const local = LOCAL.includes(new URL(told.audience_url).hostname);
  say("room-reach", local ? "This address works on this computer alone. For other devices, serve with --host 0.0.0.0 and open this page by the computer's address in the network." : "");
}

async function offer() {
  const { room } = live.now();
  if (!room) return "";
  const response = await call(url(room.id, "/handover"), "POST", null, room.token).catch(() => null);
  if (!response) return "The server is not reached. Try again when it is back.";
  const told = await response.json();
  if (!response.ok) return told.detail;
  const field = byId("room-offer");
  field.hidden = false;
  field.textContent = `For the next presenter alone, once, within ${Math.round(told.seconds / 60)} minutes: `;
  const anchor = document.createElement("a");
  anchor.href = anchor.textContent = told.url;
  field.append(anchor);
  copyFrom(byId("room-handover"), told.url);
  return "";
}

// For the last row: the code and the address as large as the screen bears.
function enlarge() {
  const dialog = document.createElement("dialog");
  dialog.className = "room-large";
  dialog.setAttribute("aria-label", "The audience's link");
  const large = document.createElement("img");
  [large.src, large.alt] = [code().src, code().alt];
  const address = document.createElement("p");
  address.textContent = byId("room-link").textContent;
  dialog.append(large, address);
  dialog.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/**
 * Ending is for everyone, so it is pressed twice.
 * @param {HTMLElement} button
 */
function end(button) {
  if (button.dataset.sure) { delete button.dataset.sure; return live.end(); }
  button.dataset.sure = "1";
  button.textContent = "End for everyone?";
  setTimeout(() => { delete button.dataset.sure; draw(); }, 4000);
  return "";
}

/** @type {Record<string, (button: HTMLElement) => string | void | Promise<string | void>>} */
const presses = {
  "room-create": () => live.open(),
  "room-take": () => live.takeUp(),
  "room-resume": () => { fold().open = false; return live.takeUp(); },
  "room-follow": () => back(),
  "room-enlarge": enlarge,
  "room-handover": offer,
  "room-answers": () => { const { answers } = live.now(); if (answers) reveal(answers); },
  "room-copy": (button) => { copyFrom(button, invitation().href); return ""; },
  "room-leave": (button) => { const { room } = live.now(); return (room ? room.token : root.dataset.room === "own") ? end(button) : live.leave(); },
};
document.addEventListener("click", async (event) => {
  const button = pressed(event);
  if (!button || !presses[button.id]) return;
  trouble = "";
  draw();
  trouble = await presses[button.id](button) || "";
  draw();
});
hear("room", draw);
// `toggle` does not bubble.
document.addEventListener("toggle", (event) => { if (isOpen(event.target) && /** @type {HTMLElement} */ (event.target).id === "share") live.lookForOwn(); }, true);

// The header comes with Dash, and the address must name the room before Dash reads it.
window.addEventListener("load", async () => {
  const began = live.begin();
  const wait = () => { if (find("room")) draw(); else setTimeout(wait, 50); };
  wait();
  trouble = await began || "";
  wait();
  live.lookForOwn();
});
