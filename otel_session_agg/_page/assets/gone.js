// Says when the server does not answer: else a button would do nothing, and old figures would look like those of now.
(function () {
  "use strict";
  const ask = window.fetch, EVERY_MS = 3000;
  let isGone = false, waits = null;

  function shown(head, said) {
    let place = document.getElementById("gone");
    if (!place) {
      place = document.createElement("div");
      place.id = "gone";
      place.setAttribute("role", "alert");
      document.body.append(place);
    }
    place.hidden = !head;
    place.className = "message bad";
    const parts = head ? [["strong", head], ["p", said]] : [];
    place.replaceChildren(...parts.map(([tag, text]) => Object.assign(document.createElement(tag), { textContent: text })));
  }
  function gone() {
    if (!isGone) shown("The server does not answer", "What you see is as it was. It is tried again every few seconds; what you click meanwhile is not done.");
    isGone = true;
    clearTimeout(waits);
    waits = setTimeout(() => window.fetch("/_dash-layout").catch(() => null), EVERY_MS);
  }
  function answered(status) {
    if (status === 401) shown("You are not logged in any more", "Load the page again to log in.");
    else if (isGone) shown("");
    isGone = false;
  }

  window.fetch = function (...request) {
    return ask.apply(window, request).then((answer) => {
      answered(answer.status);
      return answer;
    }, (error) => {
      if (!error || error.name !== "AbortError") gone();
      throw error;
    });
  };
})();
