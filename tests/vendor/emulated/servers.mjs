// Serves emulate's GitHub and Okta, and GitHub's GraphQL beside them, on free ports of the loopback.
//
// On standard input: one JSON object, for each service its `baseUrl` (what its links begin with) and `seed`; for GraphQL
// what `graphql.mjs` wants. The first line printed is a JSON object of their ports, with one for the control door:
// POST /reset gives every service its seed again.
import http from "node:http";
import net from "node:net";
import { pathToFileURL } from "node:url";

// emulate has no setting for the address it listens on, and would take all there are.
const listen = net.Server.prototype.listen;
let latest;
net.Server.prototype.listen = function (port, host, ...more) {
  latest = this;
  return listen.call(this, port, host ?? "127.0.0.1", ...more);
};

async function portOf(server) {
  if (!server.listening) await new Promise((resolve) => server.once("listening", resolve));
  return server.address().port;
}

// emulate has no users by their id, and has them by their login: whom its own list has with that id is meant. Of nobody's,
// its own 404 is the answer.
function usersById(server) {
  const [answer] = server.listeners("request");
  server.removeAllListeners("request").on("request", async (request, response) => {
    const id = Number(/^\/user\/(\d+)$/.exec(request.url)?.[1]);
    if (id) {
      const list = `http://127.0.0.1:${server.address().port}/users?since=${id - 1}&per_page=1`;
      const [first] = await (await fetch(list)).json();
      if (first?.id === id) request.url = `/users/${first.login}`;
    }
    answer(request, response);
  });
}

// Packages are looked for in the folder we are started in; where this file is there are none.
const packages = process.cwd() + "/node_modules";
const { createEmulator } = await import(pathToFileURL(`${packages}/emulate/dist/api.js`).href);
const { graphql } = await import("./graphql.mjs");

let text = "";
for await (const part of process.stdin) text += part;
const wanted = JSON.parse(text);

const services = [];
const ports = {};
for (const service of ["github", "okta"]) {
  const { baseUrl, seed } = wanted[service];
  services.push(await createEmulator({ service, port: 0, baseUrl, seed }));
  ports[service] = await portOf(latest);
  if (service === "github") usersById(latest);
}
const answers = graphql(packages, `http://127.0.0.1:${ports.github}`, wanted.graphql);
ports.graphql = await portOf(http.createServer(answers).listen(0));
const control = http.createServer((request, response) => {
  for (const service of services) service.reset();
  response.writeHead(204).end();
});
ports.control = await portOf(control.listen(0));
console.log(JSON.stringify(ports));
