// GitHub's GraphQL on the state of emulate, which has none of its own.
//
// Ours is only where the values come from. What may be asked is said by GitHub's public schema (@octokit/graphql-schema),
// and graphql-js holds each query, and each variable, against it and carries it out. So a query that is answered here is one
// that GitHub understands; that GitHub would answer it with the same values is not proven by it.
//
// POST /graphql is the API. POST /judge takes {"query"} and answers {"errors": [...], "survivors": [...]}: what is wrong
// with it, and of all copies with one name misspelt those that nobody found anything wrong with.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const PAGE = 100; // GitHub's own largest

/**
 * `options`, all of them what emulate does not tell: `orgs`, their logins; `children`, slug of a team → slugs of its child
 * teams; `saml`, the name at the identity provider → login; `verified`, login → e-mails in verified domains.
 */
export function graphql(packages, upstream, options) {
  const language = createRequire(packages + "/")("graphql");
  const sdl = readFileSync(`${packages}/@octokit/graphql-schema/schema.graphql`, "utf8");
  const schema = language.buildSchema(sdl, { assumeValid: true, assumeValidSDL: true });

  // One query looks at each thing once: emulate gives a token 5000 requests, and means it.
  const rest = ({ authorization, seen }, path) => seen[path] ??= look(authorization, path);

  async function look(authorization, path) {
    const answer = await fetch(upstream + path, { headers: { authorization } });
    if (answer.status === 403) throw new Error(`emulate refuses ${path}: ${await answer.text()}`);
    return answer.ok ? answer.json() : null;
  }

  async function all(context, path) {
    const found = [];
    for (let page = 1; ; page += 1) {
      const part = (await rest(context, `${path}?per_page=100&page=${page}`)) ?? [];
      found.push(...part);
      if (part.length < 100) return found;
    }
  }

  const user = (it) => ({
    __typename: "User",
    id: it.node_id,
    databaseId: it.id,
    login: it.login,
    name: null,
    email: "",
    organization: async ({ login }, context) => {
      const membership = await rest(context, `/orgs/${login}/memberships/${it.login}`);
      return membership && organization({ login }, context);
    },
    organizationVerifiedDomainEmails: options.verified[it.login] ?? [],
  });

  // GitHub's errors have a type beside their message, and null stands where the thing would.
  function notFound(what) {
    const error = new Error(`Could not resolve to ${what}.`);
    error.extensions = { type: "NOT_FOUND" };
    return error;
  }

  function connection({ first, last, after }, items, edge) {
    if (first == null && last == null) throw new Error("You must provide a `first` or `last` value");
    if (first > PAGE || last > PAGE) throw new Error(`Requesting more records than the limit of ${PAGE}`);
    if (last != null) throw new Error("the stand-in pages forwards only");
    const start = after ? Number(Buffer.from(after, "base64")) : 0;
    const part = items.slice(start, start + first);
    const cursor = (index) => Buffer.from(String(start + index + 1)).toString("base64");
    const edges = part.map((item, index) => ({ cursor: cursor(index), ...edge(item) }));
    return {
      totalCount: items.length,
      edges,
      nodes: edges.map((it) => it.node),
      pageInfo: {
        hasNextPage: start + part.length < items.length,
        hasPreviousPage: start > 0,
        startCursor: edges[0]?.cursor ?? null,
        endCursor: edges.at(-1)?.cursor ?? null,
      },
    };
  }

  async function members(context, org, slug, wanted) {
    const own = await all(context, `/orgs/${org}/teams/${slug}/members`);
    const below = [];
    for (const child of options.children[slug] ?? [])
      below.push(...(await all(context, `/orgs/${org}/teams/${child}/members`)));
    const once = new Map();
    if (wanted.membership !== "CHILD_TEAM") for (const it of own) once.set(it.id, it);
    // GitHub's default is ALL, which includes the members of child teams.
    if (wanted.membership !== "IMMEDIATE") for (const it of below) once.set(it.id, it);
    const role = async (it) =>
      (await rest(context, `/orgs/${org}/teams/${slug}/memberships/${it.login}`))?.role?.toUpperCase();
    return connection(wanted, [...once.values()], (it) => ({
      node: user(it),
      role: async () => (await role(it)) ?? "MEMBER",
    }));
  }

  const team = (org, it) => ({
    __typename: "Team",
    id: it.node_id,
    databaseId: it.id,
    name: it.name,
    slug: it.slug,
    combinedSlug: `${org}/${it.slug}`,
    privacy: "VISIBLE",
    parentTeam: null,
    members: (wanted, context) => members(context, org, it.slug, wanted),
  });

  const identity = ([email, login]) => ({
    __typename: "ExternalIdentity",
    id: `identity-${login}`,
    guid: login,
    samlIdentity: { nameId: email, username: email, emails: [{ value: email }] },
    scimIdentity: { username: email, emails: [{ value: email }] },
    user: async (_, context) => user(await rest(context, `/users/${login}`)),
  });

  async function organization({ login }, context) {
    const it = await rest(context, `/orgs/${login}`);
    if (!it) throw notFound(`an Organization with the login of '${login}'`);
    return {
      __typename: "Organization",
      id: it.node_id,
      databaseId: it.id,
      login: it.login,
      name: it.name,
      viewerCanAdminister: true, // who asks emulate is shown every team
      team: async ({ slug }) => {
        const found = await rest(context, `/orgs/${login}/teams/${slug}`);
        return found && team(login, found);
      },
      teams: async (wanted) => {
        const found = await all(context, `/orgs/${login}/teams`);
        const fitting = found.filter((one) => !wanted.query || one.name.includes(wanted.query) || one.slug.includes(wanted.query));
        return connection(wanted, fitting, (one) => ({ node: team(login, one) }));
      },
      samlIdentityProvider: {
        id: "saml",
        externalIdentities: (wanted) => {
          const fitting = Object.entries(options.saml).filter(([name]) => wanted.userName == null || name === wanted.userName);
          return connection(wanted, fitting, (one) => ({ node: identity(one) }));
        },
      },
      membersWithRole: async (wanted) => {
        const found = await all(context, `/orgs/${login}/members`);
        return connection(wanted, found, (one) => ({ node: user(one), role: "MEMBER" }));
      },
    };
  }

  async function node({ id }, context) {
    for (const org of options.orgs)
      for (const one of await all(context, `/orgs/${org}/teams`)) if (one.node_id === id) return team(org, one);
    return null;
  }

  async function userByLogin({ login }, context) {
    const it = await rest(context, `/users/${login}`);
    if (!it) throw notFound(`a User with the login of '${login}'`);
    return user(it);
  }

  const root = { organization, node, user: userByLogin, enterprise: null };

  async function carryOut({ query, variables, operationName }, authorization) {
    if (!authorization) return [401, { message: "This endpoint requires you to be authenticated." }];
    const document = language.parse(query);
    const errors = language.validate(schema, document);
    if (errors.length) return [200, { errors }];
    const contextValue = { authorization, seen: {} };
    const args = { schema, document, rootValue: root, contextValue, variableValues: variables, operationName };
    const { data, errors: met } = await language.execute(args);
    const problems = met?.map(({ message, path, locations, extensions }) => ({ type: extensions.type, path, locations, message }));
    return [200, { data, errors: problems }];
  }

  /** Every copy of the query with one name misspelt: of a field, an argument or an enum's value. */
  function* misspelt(query) {
    const places = [];
    const note = (it) => void places.push(it.name?.loc ?? it.loc);
    language.visit(language.parse(query), { Field: note, Argument: note, EnumValue: note });
    for (const { end } of places) yield `${query.slice(0, end)}x${query.slice(end)}`;
  }

  function judge(query) {
    const faults = (text) => {
      try {
        return language.validate(schema, language.parse(text)).map((it) => it.message);
      } catch (error) {
        return [error.message];
      }
    };
    const copies = [...misspelt(query)];
    return { errors: faults(query), copies: copies.length, survivors: copies.filter((it) => !faults(it).length) };
  }

  return async (request, response) => {
    let text = "";
    for await (const part of request) text += part;
    let status = 200;
    let answer;
    try {
      const asked = JSON.parse(text);
      if (request.url === "/judge") answer = judge(asked.query);
      else [status, answer] = await carryOut(asked, request.headers.authorization);
    } catch (error) {
      [status, answer] = [400, { message: error.message }];
    }
    response.writeHead(status, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(answer));
  };
}
