// Follows the login over server-sent events. Without this script the first page has a link, and the waiting page
// refreshes itself.
(() => {
  const place = document.querySelector("[data-follow]");
  if (!place || !window.EventSource) return;
  const path = place.dataset.follow;
  // Spread, so that browsers that lost the same server do not come back together.
  const later = (what) => setTimeout(what, 2000 + Math.random() * 2000);

  const show = (progress) => {
    place.dataset.progress = progress;
    for (const part of document.querySelectorAll("[data-stage]")) part.hidden = part.dataset.stage !== progress;
    const panel = document.getElementById("progress");
    if (panel) panel.hidden = progress === "asked";
  };

  const listen = () => {
    const source = new EventSource(`${path}/events`);
    source.addEventListener("progress", (event) => show(event.data));
    source.addEventListener("go", (event) => {
      source.close();
      // Only the login's own pages; a target of another kind is not followed.
      if (event.data === "collect" || event.data === "wait") window.location.replace(`${path}/${event.data}`);
    });
    // A browser connects again by itself only where it lost a stream; an answer of another kind ends it for good.
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) later(look);
    });
  };

  const look = async () => {
    const question = new AbortController();
    let status = 0;
    try {
      status = (await fetch(`${path}/events`, { signal: question.signal })).status;
    } catch {
      // Away: asked again.
    }
    question.abort();
    if (status === 200) listen();
    else if (status >= 400 && status < 500) window.location.replace(`${path}/wait`);
    else later(look);
  };

  // The QR code renews itself in its frame, until something else is loaded there once.
  const frame = document.querySelector("iframe.qr");
  const drawn = () => {
    try {
      return frame.contentDocument.querySelector("svg") !== null;
    } catch {
      return false;
    }
  };
  if (frame) {
    setInterval(() => {
      if (!drawn()) frame.setAttribute("src", frame.getAttribute("src"));
    }, 5000);
  }

  // Back from the browser's cache with a dead connection: look again how the login stands.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
  });
  listen();
})();
