// What is seen of a live room, and the buttons: one line in the header, one part of Share. What they do is in room.js.
(function () {
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const live = () => window.shatterscope.room;
  const ENDED = { ended: "The live room has ended", expired: "The live room has ended: it was open for a day" };
  const LOCAL = ["localhost", "127.0.0.1", "[::1]"];
  let trouble = ""; // what went wrong, said in Share
  let invited = null; // the room whose link Share shows

  const show = (id, visible) => { byId(id).hidden = !visible; };
  const say = (id, text) => { if (byId(id).textContent !== text) byId(id).textContent = text; };

  function draw() {
    if (!byId("room")) return;
    const { room, own, link, over, people, absent, answers, revealed } = live().now();
    if (trouble && trouble !== byId("room-problem").textContent) byId("share").open = true;
    say("room-problem", trouble);
    const presenting = Boolean(room && room.token);
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
    if (presenting) invite(room); else invited = null;
    if (!role) return;

    const following = absent ? "Waiting for the presenter" : answers && !revealed ? "Your answer is sent" : "Live";
    const words = { over: ENDED[link], presenter: "Live", explorer: "On your own", own: "", follower: following };
    say("room-words", link === "lost" ? "Reconnecting" : words[role]);
    say("room-followers", people && room ? `${people.followers} following` : "");
    show("room-follow", role === "explorer");
    show("room-take", orphan && !presenting);
    show("room-leave", true);
    const given = presenting && answers ? answers.counts.reduce((sum, each) => sum + each, 0) : 0;
    show("room-answers", given > 0 && !answers.shown);
    say("room-answers", `Show ${given} answer${given === 1 ? "" : "s"}`);
    if (!byId("room-leave").dataset.sure) say("room-leave", over ? "Close" : presenting || role === "own" ? "End" : "Leave");
  }

  async function invite(room) {
    if (invited === room.id) return;
    invited = room.id;
    const { url } = window.shatterscope.roomServer;
    const told = await fetch(url(room.id)).then((response) => response.json(), () => null);
    if (!told || !told.audience_url || invited !== room.id) { if (!told) invited = null; return; }
    byId("room-link").href = told.audience_url;
    say("room-link", told.audience_url.replace(/^https?:\/\//, ""));
    byId("room-qr").src = url(room.id, "/qr.svg");
    const local = LOCAL.includes(new URL(told.audience_url).hostname);
    say("room-reach", local ? "This address works on this computer alone. For other devices, serve with --host 0.0.0.0 and open this page by the computer's address in the network." : "");
  }

  async function offer() {
    const { room } = live().now();
    const { url, call } = window.shatterscope.roomServer;
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
    window.shatterscope.copyFrom(byId("room-handover"), told.url);
    return "";
  }

  // For the last row: the code and the address as large as the screen bears.
  function enlarge() {
    const dialog = document.createElement("dialog");
    dialog.className = "room-large";
    dialog.setAttribute("aria-label", "The audience's link");
    const code = document.createElement("img");
    [code.src, code.alt] = [byId("room-qr").src, byId("room-qr").alt];
    const address = document.createElement("p");
    address.textContent = byId("room-link").textContent;
    dialog.append(code, address);
    dialog.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  // Ending is for everyone, so it is pressed twice.
  function end(button) {
    if (button.dataset.sure) { delete button.dataset.sure; return live().end(); }
    button.dataset.sure = "1";
    button.textContent = "End for everyone?";
    setTimeout(() => { delete button.dataset.sure; draw(); }, 4000);
    return "";
  }

  const presses = {
    "room-create": () => live().open(),
    "room-take": () => live().takeUp(),
    "room-resume": () => { byId("share").open = false; return live().takeUp(); },
    "room-follow": () => live().back(),
    "room-enlarge": enlarge,
    "room-handover": offer,
    "room-answers": () => live().reveal(live().now().answers),
    "room-copy": (button) => { window.shatterscope.copyFrom(button, byId("room-link").href); return ""; },
    "room-leave": (button) => { const { room } = live().now(); return (room ? room.token : root.dataset.room === "own") ? end(button) : live().leave(); },
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest && event.target.closest("button");
    if (!button || !presses[button.id]) return;
    trouble = "";
    draw();
    trouble = await presses[button.id](button) || "";
    draw();
  });
  document.addEventListener("shatterscope:room", draw);
  // `toggle` does not bubble.
  document.addEventListener("toggle", (event) => { if (event.target.id === "share" && event.target.open) live().lookForOwn(); }, true);

  // The header comes with Dash, and the address must name the room before Dash reads it.
  window.addEventListener("load", async () => {
    const began = live().begin();
    const wait = () => { if (byId("room")) draw(); else setTimeout(wait, 50); };
    wait();
    trouble = await began || "";
    wait();
    live().lookForOwn();
  });
})();
