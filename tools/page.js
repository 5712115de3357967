// What the pages of the site and the reading view of a deck share.

/** The name behind # and #/ in the address. */
export function addressedName() {
  const name = location.hash.replace(/^#\/?/, "");
  try {
    return decodeURIComponent(name);
  } catch {
    return name; // such as 100%
  }
}

/** What scrolls on its own must be reached by keys. */
export function letKeysScroll(root, selector) {
  new ResizeObserver(() => {
    for (const wide of root.querySelectorAll(selector)) {
      if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
      else wide.removeAttribute("tabindex");
    }
  }).observe(root);
}
