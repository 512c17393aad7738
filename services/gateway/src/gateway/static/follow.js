// Follows the login over server-sent events. Without this script the first page has a link, and the waiting page
// refreshes itself.
(() => {
  const place = document.querySelector("[data-follow]");
  if (!place || !window.EventSource) return;
  const path = place.dataset.follow;

  const show = (progress) => {
    place.dataset.progress = progress;
    for (const part of document.querySelectorAll("[data-stage]")) part.hidden = part.dataset.stage !== progress;
    const panel = document.getElementById("progress");
    if (panel) panel.hidden = progress === "asked";
  };

  const source = new EventSource(`${path}/events`);
  source.addEventListener("progress", (event) => show(event.data));
  source.addEventListener("go", (event) => {
    source.close();
    // Only the login's own pages; a target of another kind is not followed.
    if (event.data === "collect" || event.data === "wait") window.location.replace(`${path}/${event.data}`);
  });
  // Back from the browser's cache with a dead connection: look again how the login stands.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
  });
})();
