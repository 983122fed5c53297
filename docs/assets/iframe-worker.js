// Browsers start no worker from file://. There, a hidden frame runs the script of the search.
"use strict";

if (location.protocol === "file:") {
  class IFrameWorker extends EventTarget {
    constructor(url) {
      super();
      const script = document.createElement("script");
      script.src = url;
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.srcdoc = script.outerHTML;
      this.scope = new Promise((resolve) => {
        frame.addEventListener("load", () => {
          const scope = frame.contentWindow;
          scope.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
          resolve(scope);
        });
      });
      document.body.append(frame);
    }

    postMessage(data) {
      this.scope.then((scope) => {
        scope.dispatchEvent(new scope.MessageEvent("message", { data }));
      });
    }
  }

  // the script of the search looks for this name in its parent
  window.IFrameWorker = window.Worker = IFrameWorker;
}
