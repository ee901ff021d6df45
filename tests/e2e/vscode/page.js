// A notebook of one output as VS Code makes it: its widget manager, a kernel spoken to by JupyterLab's services, requirejs.
import { KernelManager, ServerConnection } from "@jupyterlab/services";
import { activate } from "@vscode/jupyter-ipywidgets8";

const VIEW = "application/vnd.jupyter.widget-view+json";
const { requirejs } = window;
const failures = [];

/** VS Code finds the scripts of widgets in the interpreter's nbextensions and names them to requirejs. */
const scripts = {
  widgetsRegisteredInRequireJs: new Set(),
  async loadWidgetScript(name) {
    requirejs.config({ paths: { [name]: `/nbextensions/${name}/index` } });
    this.widgetsRegisteredInRequireJs.add(name);
  },
  successHandler() {},
  errorHandler: (...what) => failures.push(what.map(String).join(" ")),
};

/** A server that is just ending other kernels may refuse to connect a new one. */
async function living(kernels, tries = 5) {
  const kernel = await kernels.startNew({ name: "python3" });
  const lives = await new Promise((done) => {
    const ended = () => kernel.status === "dead" && done(false);
    kernel.statusChanged.connect(ended);
    kernel.info.then(() => done(true), () => done(false));
    ended();
  });
  if (lives) return kernel;
  if (tries === 1) throw new Error("no kernel lives");
  return living(kernels, tries - 1);
}

async function start() {
  activate();
  window.vscIPyWidgets8.load();
  const serverSettings = ServerConnection.makeSettings({ baseUrl: location.origin, wsUrl: location.origin.replace("http", "ws") });
  const kernels = new KernelManager({ serverSettings });
  const kernel = await living(kernels);
  const output = document.getElementById("output");
  const manager = new window.vscIPyWidgets.WidgetManager(kernel, output, scripts, () => undefined, undefined);
  /** Runs a cell, puts the widgets that it shows below the others, and gives its text. */
  window.run = async (code) => {
    let text = "";
    const shown = [];
    const future = kernel.requestExecute({ code });
    future.onIOPub = ({ header, content }) => {
      if (header.msg_type === "stream") text += content.text;
      if (header.msg_type === "error") text += content.traceback.join("\n");
      const id = content.data?.[VIEW]?.model_id;
      if (id) shown.push(id);
    };
    await future.done;
    for (const id of shown) {
      const node = output.appendChild(document.createElement("div"));
      const view = await manager.create_view(await manager.get_model(id));
      await manager.display_view(undefined, view, { node });
    }
    return text;
  };
  window.failures = failures;
}

window.started = start();
