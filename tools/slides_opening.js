// In the head of a deck: shows the first slide before the rest of the page is read, unless
// another slide or view is asked for. reveal.js takes over later, see slides.js.
if (innerWidth >= 700 && !location.hash && !location.search) {
  const scale = Math.min(innerWidth / 1280, innerHeight / 720, 4); // as reveal.js scales it
  document.documentElement.classList.add("opening");
  document.documentElement.style.setProperty("--scale", scale);
}
