// Sets the theme before the page is painted, so that it doesn't flash. Without a choice the system's theme counts.
"use strict";
try {
  const chosen = localStorage.getItem("beam-dis-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch (error) {
  // storage is off: the system's theme counts
}
