// Follows the login over server-sent events; without this script the waiting page refreshes itself.
(() => {
  const place = document.querySelector("[data-follow]");
  if (!place || !window.EventSource) return;
  const path = place.dataset.follow;
  const source = new EventSource(`${path}/events`);
  source.addEventListener("go", (event) => {
    source.close();
    const target = event.data;
    if (target === "collect" || target === "wait") window.location.replace(`${path}/${target}`);
  });
})();
