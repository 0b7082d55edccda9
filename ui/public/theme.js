// Sets the theme before the first paint: the stored choice, else what the system says. A file of its own since the
// Content-Security-Policy takes no inline script.
(function () {
  var dark = matchMedia("(prefers-color-scheme: dark)");
  function stored() {
    try {
      return localStorage.getItem("gleanery.theme");
    } catch (_) {
      return null; // storage may be switched off
    }
  }
  function apply() {
    var choice = stored();
    var isDark = choice === "dark" || (choice !== "light" && dark.matches);
    document.documentElement.dataset.theme = isDark ? "dark" : "light";
  }
  dark.addEventListener("change", apply);
  addEventListener("storage", apply);
  addEventListener("gleanery:theme", apply);
  apply();
})();
