// A lesson's questions. An answer is told by `shatterscope:answer` {lesson, step, choice} on document; where nobody prevents its default, it
// reveals. Counts to show beside the choices come by `shatterscope:counts` {lesson, step, counts}, choices counted from 0.
(function () {
  const { lecture } = window.shatterscope;
  const byId = (id) => document.getElementById(id);
  let answers = {}; // step -> the choice of the person here
  let counts = {}; // step -> counts of the room
  let early = null; // counts of a lesson that is still on its way, for who comes late

  // The choices are buttons until one is pressed; then they say which it was, which is right, and how many chose each.
  function ask(step, shown) {
    const box = byId("lecture-question");
    box.hidden = !step.question;
    box.replaceChildren();
    if (!step.question) return;
    const legend = document.createElement("legend");
    legend.textContent = step.question.ask;
    box.append(legend);
    const number = shown.step;
    const found = counts[number];
    const all = found ? found.reduce((sum, count) => sum + count, 0) : 0;
    step.question.choices.forEach((text, choice) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "choice-answer";
      button.dataset.choice = choice;
      const label = document.createElement("span");
      label.textContent = text;
      button.append(label);
      const mine = answers[number] === choice;
      button.setAttribute("aria-pressed", String(mine));
      if (shown.revealed) {
        button.disabled = true;
        if (step.question.right !== null) button.dataset.right = String(step.question.right === choice + 1);
      }
      if (found) {
        const count = document.createElement("b");
        count.className = "count";
        count.textContent = found[choice] || 0;
        button.style.setProperty("--share", all ? `${(100 * (found[choice] || 0)) / all}%` : "0%");
        button.append(count);
      }
      box.append(button);
    });
  }

  function answer(choice) {
    const { step } = lecture.place();
    answers[step] = choice;
    const detail = { lesson: lecture.lesson().id, step, choice };
    const event = new CustomEvent("shatterscope:answer", { detail, cancelable: true });
    if (document.dispatchEvent(event)) lecture.go(step, true);
    else { ask(lecture.step(), lecture.place()); byId("lecture-question").querySelectorAll("button")[choice].focus(); }
  }

  document.addEventListener("shatterscope:counts", (event) => {
    const told = event.detail || {};
    if (!Array.isArray(told.counts)) return;
    const [lesson, shown] = [lecture.lesson(), lecture.place()];
    if (!lesson || told.lesson !== lesson.id) { early = told; return; }
    counts[told.step] = told.counts;
    if (shown && shown.step === told.step) {
      const focused = document.activeElement && document.activeElement.dataset.choice;
      ask(lecture.step(), shown);
      if (focused !== undefined) byId("lecture-question").querySelectorAll("button")[focused].focus();
    }
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("#lecture-question button");
    if (button && lecture.active() && !button.disabled) answer(Number(button.dataset.choice));
  });

  function forget(lesson) {
    answers = {};
    counts = early && early.lesson === lesson ? { [early.step]: early.counts } : {};
  }

  Object.assign(lecture, { ask, forget });
})();
