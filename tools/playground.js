// Starts the widget of the page.

import { startWidget } from "./without_kernel.js";

await startWidget(document.querySelector(".widget"));
document.documentElement.dataset.ready = "";
