// Segment's own Node libraries against the twin, unmodified but for the base URL.
//
//   habeas twins --json | node sdk.mjs        (or: node sdk.mjs '<the line>')
//
// Ends with a line `N passed, M failed` and exits with 1 if anything failed.

import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import { Analytics } from '@segment/analytics-node';
import sdk from '@segment/public-api-sdk-typescript';

async function description() {
  if (process.argv[2]) return JSON.parse(process.argv[2]);
  for await (const line of createInterface({ input: process.stdin })) return JSON.parse(line);
  throw new Error('no description was given');
}

const { segment, control } = await description();
const { base_urls: urls, credentials } = segment;
const { full } = credentials;
// Answers the content of `data`, or throws the first error.
const { unwrap } = sdk;

function api(Api, token = full.token) {
  const made = new Api(urls.public_api);
  made.accessToken = token;
  return made;
}

async function post(path, body) {
  const answer = await fetch(control.base_url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  assert.equal(answer.status, 200);
  return answer.json();
}

async function profile(id, what) {
  const { space_id, profile_token } = full.spaces[0];
  const path = `/v1/spaces/${space_id}/collections/users/profiles/${encodeURIComponent(id)}/${what}`;
  const basic = Buffer.from(`${profile_token}:`).toString('base64');
  return fetch(urls.profile_api + path, { headers: { authorization: `Basic ${basic}` } });
}

const deletion = api(sdk.DeletionAndSuppressionApi);
const [one, two] = segment.subjects.filter((subject) => subject.kind === 'regular');
const page = (count, cursor = 'MA==') => ({ count, cursor });

const cases = {
  async 'the workspace is the described one'() {
    const data = await unwrap(api(sdk.WorkspacesApi).getWorkspace());
    assert.equal(data.workspace.id, full.workspace_id);
  },

  async 'sources come in pages, each readable by itself'() {
    const sources = api(sdk.SourcesApi);
    const seen = [];
    let cursor = 'MA==';
    while (cursor) {
      const data = await unwrap(sources.listSources(page(4, cursor)));
      assert.ok(data.sources.length <= 4);
      seen.push(...data.sources);
      cursor = data.pagination.next;
    }
    assert.equal(new Set(seen.map((source) => source.id)).size, seen.length);
    assert.ok(seen.length >= 4);
    const data = await unwrap(sources.getSource(seen[0].id));
    assert.equal(data.source.slug, seen[0].slug);
    const connected = await unwrap(
      sources.listConnectedDestinationsFromSource(seen[0].id, page(10)),
    );
    assert.ok(connected.destinations.every(({ sourceId }) => sourceId === seen[0].id));
  },

  async 'destinations, warehouses, spaces and users are listed'() {
    const destinations = api(sdk.DestinationsApi);
    const data = await unwrap(destinations.listDestinations(page(100)));
    assert.ok(data.destinations.some(({ metadata }) => metadata.name === 'Amplitude'));
    const single = await unwrap(destinations.getDestination(data.destinations[0].id));
    assert.equal(single.destination.id, data.destinations[0].id);
    const warehouses = await unwrap(api(sdk.WarehousesApi).listWarehouses(page(10)));
    assert.equal(warehouses.warehouses[0].metadata.slug, 'postgres');
    const spaces = await unwrap(api(sdk.SpacesApi).listSpaces(page(10)));
    assert.deepEqual(
      spaces.spaces.map(({ id }) => id),
      full.spaces.map(({ space_id }) => space_id),
    );
    const users = await unwrap(api(sdk.IAMUsersApi).listUsers(page(10)));
    assert.equal(users.users[0].email, 'admin@example.com');
  },

  async 'a regulation is created, listed by type and status, and read to its end'() {
    const created = await unwrap(
      deletion.createWorkspaceRegulation({
        regulationType: 'SUPPRESS_WITH_DELETE',
        subjectType: 'USER_ID',
        subjectIds: [one.user_id],
      }),
    );
    const id = created.regulateId;
    const listed = await unwrap(
      deletion.listWorkspaceRegulations(page(10), 'INITIALIZED', [
        'DELETE_ONLY',
        'SUPPRESS_WITH_DELETE',
      ]),
    );
    const entry = listed.regulations.find((regulation) => regulation.id === id);
    assert.deepEqual(entry.subjects, [one.user_id]);
    const others = await unwrap(
      deletion.listWorkspaceRegulations(page(10), undefined, ['UNSUPPRESS']),
    );
    assert.ok(others.regulations.every((regulation) => regulation.id !== id));
    assert.equal((await profile(`user_id:${one.user_id}`, 'metadata')).status, 200);
    await post('/clock', { advance: 'P25D' });
    const data = await unwrap(deletion.getRegulation(id));
    assert.equal(data.regulation.overallStatus, 'FINISHED');
    assert.equal(data.regulation.streamStatus.length, 2);
    assert.equal((await profile(`user_id:${one.user_id}`, 'metadata')).status, 404);
  },

  async 'suppressions name the suppressed user'() {
    const data = await unwrap(deletion.listSuppressions(page(100)));
    const ids = data.suppressed.flatMap(({ subjectIds }) => subjectIds);
    assert.ok(ids.includes(one.user_id));
  },

  async 'a source regulation is listed with its source'() {
    const data = await unwrap(api(sdk.SourcesApi).listSources(page(1)));
    const source = data.sources[0].id;
    const created = await unwrap(
      deletion.createSourceRegulation(source, {
        regulationType: 'DELETE_ONLY',
        subjectType: 'USER_ID',
        subjectIds: [two.user_id],
      }),
    );
    const listed = await unwrap(deletion.listRegulationsFromSource(source, page(10)));
    const ids = listed.regulations.map(({ id }) => id);
    assert.ok(ids.includes(created.regulateId));
  },

  async 'errors reach the caller as the library makes them'() {
    await assert.rejects(unwrap(deletion.getRegulation('nowhere')), { type: 'not-found' });
    const nothing = { regulationType: 'DELETE_ONLY', subjectType: 'USER_ID', subjectIds: [] };
    await assert.rejects(unwrap(deletion.createWorkspaceRegulation(nothing)), {
      type: 'input-validation',
      field: 'subjectIds',
    });
    const limited = api(sdk.DeletionAndSuppressionApi, credentials.without.privacy.token);
    await assert.rejects(unwrap(limited.listSuppressions(page(1))), { type: 'unauthorized' });
    await assert.rejects(unwrap(deletion.deleteRegulation('nowhere')), { type: 'not-found' });
  },

  async 'the analytics library seeds a profile that every identifier finds'() {
    const analytics = new Analytics({ writeKey: full.write_key, host: urls.tracking_api });
    const failures = [];
    analytics.on('error', (error) => failures.push(error));
    const userId = 'seeded-by-node';
    const traits = { email: 'seeded.node@example.com', city: 'Oslo' };
    analytics.identify({ userId, anonymousId: 'node-visit', traits });
    analytics.track({ userId, event: 'Order Completed', properties: { total: 59.9 } });
    analytics.page({ userId, name: 'Home' });
    analytics.group({ userId, groupId: 'acct-node', traits: { name: 'Node club' } });
    analytics.track({
      userId,
      event: 'Segment Consent Preference Updated',
      context: { consent: { categoryPreferences: { [full.consent_categories.sale]: false } } },
    });
    await analytics.closeAndFlush();
    assert.deepEqual(failures, []);
    for (const id of [`user_id:${userId}`, `email:${traits.email}`, 'anonymous_id:node-visit']) {
      assert.equal((await profile(id, 'metadata')).status, 200, id);
    }
    const { data } = await (await profile(`user_id:${userId}`, 'events')).json();
    assert.ok(data.some(({ event }) => event === 'Order Completed'));
    const held = await (await profile(`user_id:${userId}`, 'traits')).json();
    assert.equal(held.traits.city, 'Oslo');
  },
};

let failed = 0;
for (const [name, run] of Object.entries(cases)) {
  try {
    await run();
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}`);
    console.log(error);
  }
}
console.log(`${Object.keys(cases).length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
