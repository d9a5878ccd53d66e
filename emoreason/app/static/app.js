// Everything that belongs to an action unit carries data-au (one or more numbers); pointing at one part lights all of
// them, clicking keeps it lit. Clips: regions follow the face, bars and the playhead follow the time.
(() => {
  "use strict";
  let kept = "";
  const has = (el, au) => el.dataset.au.split(" ").includes(au);

  function light(aus) {
    const wanted = aus ? aus.split(" ") : [];
    document.querySelectorAll("[data-au]").forEach(el =>
      el.classList.toggle("er-on", wanted.some(au => has(el, au))));
    document.querySelectorAll(".er-fig").forEach(el => el.classList.toggle("er-lit", wanted.length > 0));
  }
  const unit = e => e.target.closest && e.target.closest("[data-au]");

  document.addEventListener("pointerover", e => { const el = unit(e); if (el) light(el.dataset.au); });
  document.addEventListener("pointerout", e => { if (unit(e)) light(kept); });
  document.addEventListener("focusin", e => { const el = unit(e); if (el) light(el.dataset.au); });
  document.addEventListener("focusout", e => { if (unit(e)) light(kept); });

  document.addEventListener("click", e => {
    const event = e.target.closest(".er-event");
    const el = unit(e);
    if (event) note(event);
    const seek = e.target.closest("[data-seek]");
    const lane = e.target.closest("[data-lane]");
    const peak = !seek && !lane && el && !el.closest(".er-region") && kept !== el.dataset.au && peakOf(el);
    if (seek) goTo(seek, +seek.dataset.seek);
    else if (peak) goTo(el, peak);
    else if (lane) {
      const box = lane.getBoundingClientRect();
      goTo(lane, (e.clientX - box.left) / box.width * +lane.closest(".er-time").dataset.duration);
    }
    if (el) {
      kept = !event && kept === el.dataset.au ? "" : el.dataset.au;
      light(kept);
      if (el.closest("#er-chat")) reveal();
    }
  });
  document.addEventListener("keydown", e => {
    if (e.key === "Escape") { kept = ""; light(""); }
    const el = e.target.closest && e.target.closest('[role="button"][tabindex]');
    if (el && (e.key === "Enter" || e.key === " ")) { e.preventDefault(); el.dispatchEvent(new MouseEvent("click", {bubbles: true})); }
  });

  // In a narrow window the face may be out of sight when its unit is clicked in the chat.
  function reveal() {
    const fig = document.querySelector(".er-fig");
    if (!fig) return;
    const box = fig.getBoundingClientRect();
    if (box.bottom < 40 || box.top > innerHeight - 40) fig.scrollIntoView({behavior: "smooth", block: "start"});
  }

  function note(event) {
    const line = event.closest(".er-time").querySelector(".er-event-note");
    line.textContent = event.dataset.words + ". ";
    const ask = document.createElement("button");
    ask.type = "button";
    ask.className = "er-ask";
    ask.dataset.ask = event.dataset.question;
    ask.textContent = "What changed here?";
    line.append(ask);
    if (kept === "") kept = event.dataset.au;
  }

  // Where in a clip the unit of an element is strongest: there its map is known.
  function peakOf(el) {
    const map = [...document.querySelectorAll(".er-film .er-map")].find(one => has(el, one.dataset.au));
    return map ? +map.dataset.at : null;
  }

  // Clips
  const films = () => [...document.querySelectorAll(".er-film")];
  function course(fig) {
    if (fig.erText !== fig.dataset.course) {
      fig.erText = fig.dataset.course;
      fig.erCourse = JSON.parse(fig.erText || "{}");
    }
    return fig.erCourse;
  }

  function nearest(times, t) {
    let low = 0, high = times.length - 1;
    while (high - low > 1) { const mid = (low + high) >> 1; if (times[mid] <= t) low = mid; else high = mid; }
    return t - times[low] < times[high] - t ? low : high;
  }

  function draw(fig) {
    const video = fig.querySelector("video"), c = course(fig);
    const t = video.currentTime, duration = +fig.dataset.duration || 1;
    document.querySelectorAll(".er-time").forEach((el, i) => {
      if (films()[i] === fig) el.style.setProperty("--t", Math.min(1, t / duration));
    });
    if (!c.times || !c.times.length) return;
    const i = nearest(c.times, t), [x0, y0, x1, y1] = c.boxes[i];
    const near = Math.abs(c.times[i] - t) < 0.5 && c.seen[i];
    fig.querySelector("svg").style.display = near ? "" : "none";
    const rect = fig.querySelector(".er-face rect");
    for (const [k, v] of Object.entries({x: x0, y: y0, width: x1 - x0, height: y1 - y0})) rect.setAttribute(k, v);
    for (const map of fig.querySelectorAll(".er-map"))  // known at the peaks only
      map.style.display = Math.abs(t - map.dataset.at) < 0.2 ? "" : "none";
    for (const group of fig.querySelectorAll(".er-region")) {
      const unit = c.aus[group.dataset.au];
      if (!unit) continue;
      const level = unit.level[i];
      group.style.setProperty("--level", level / 5);
      group.classList.toggle("er-faint", level < 0.5);
      group.querySelectorAll("circle").forEach((dot, k) => {
        dot.setAttribute("cx", unit.at[i][2 * k]);
        dot.setAttribute("cy", unit.at[i][2 * k + 1]);
        dot.setAttribute("r", (x1 - x0) * 0.07 * (0.6 + 0.12 * level));
      });
    }
  }
  function goTo(from, time) {
    const i = [...document.querySelectorAll(".er-time")].indexOf(from.closest(".er-time"));
    const fig = films()[Math.max(0, i)];
    if (!fig) return;
    const video = fig.querySelector("video");
    video.pause();
    video.currentTime = Math.min(Math.max(time, 0), Math.max((video.duration || time) - 0.001, 0));
  }
  function run(fig) {
    const step = () => {
      if (!document.contains(fig)) return;
      draw(fig);
      if (!fig.querySelector("video").paused) requestAnimationFrame(step);
    };
    step();
  }
  for (const name of ["play", "seeked", "timeupdate", "loadeddata"])
    document.addEventListener(name, e => {
      const fig = e.target.closest && e.target.closest(".er-film");
      if (!fig) return;
      if (name === "loadeddata" && !fig.erStarted) {
        fig.erStarted = true;
        const time = document.querySelectorAll(".er-time")[films().indexOf(fig)];
        if (time) e.target.currentTime = +time.dataset.peak;
      }
      if (name === "play") run(fig); else draw(fig);
    }, true);

  // After gradio has put new HTML in place.
  window.erRefresh = () => { films().forEach(draw); light(kept); };

  window.erSave = parcel => {
    const bytes = Uint8Array.from(atob(parcel.data), c => c.charCodeAt(0));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([bytes], {type: parcel.mime}));
    link.download = parcel.name;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
})();
