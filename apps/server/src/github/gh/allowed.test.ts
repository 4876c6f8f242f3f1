import { describe, expect, test } from 'bun:test'
import { judge, restAllowed } from './allowed.ts'

const own = { owner: 'northquay', name: 'ledger' }
const at = { owner: 'northquay', repo: 'ledger' }
const asked = (query: string, variables: Record<string, unknown> = {}) => judge({ query, variables }, own)
const REPOSITORY = 'repository(owner: "northquay", name: "ledger")'

describe('what the command line asks', () => {
  test.each([
    ['a list', 'fragment pr on PullRequest{number,title,headRepositoryOwner{id,login,...on User{name}}} query PullRequestList($owner: String!, $repo: String!, $state: [PullRequestState!] = OPEN) { repository(owner: $owner, name: $repo) { pullRequests(states: $state, first: 30) { totalCount nodes { ...pr } pageInfo { hasNextPage endCursor } } } }', at],
    ['a repository and its parent', 'fragment repo on Repository { id name owner { login } defaultBranchRef { name } } query RepositoryInfo($owner: String!, $repo: String!) { repository(owner: $owner, name: $repo) { ...repo parent { ...repo } mergeCommitAllowed } }', at],
    ['what its words mean', 'query PullRequest_fields { PullRequest: __type(name: "PullRequest") { fields(includeDeprecated: true) { name } } }', {}],
    ['who asks', 'query UserCurrent{viewer{login}}', {}],
    ['upper case', 'query($owner: String!, $repo: String!) { repository(owner: $owner, name: $repo) { id } }', { owner: 'NorthQuay', repo: 'Ledger' }],
  ])('%s', (_name, query, variables) => { expect(asked(query, variables)).toMatchObject({ do: 'query' }) })

  test('checks of a pull request, whose id is looked up', () => {
    expect(asked('query($id: ID!) { node(id: $id) { ...on PullRequest { statusCheckRollup: commits(last: 1) { nodes { commit { statusCheckRollup { contexts(first: 100) { nodes { __typename ...on CheckRun { name isRequired(pullRequestId: $id) } } } } } } } } } }', { id: 'PR_1' })).toMatchObject({ do: 'query', nodes: ['PR_1'] })
  })
  test('opening a pull request, with its input', () => {
    const input = { repositoryId: 'R_1', baseRefName: 'main', headRefName: 'berth/demo', title: 'T', body: 'B', draft: false, maintainerCanModify: true }
    expect(asked('mutation PullRequestCreate($input: CreatePullRequestInput!) { createPullRequest(input: $input) { pullRequest { id url } } }', { input })).toEqual({ do: 'create', input })
    expect(asked('mutation { createPullRequest(input: {repositoryId: "R_1", baseRefName: "main", headRefName: "evil", title: "T"}) { pullRequest { id } } }')).toMatchObject({ do: 'create', input: { headRefName: 'evil' } })
  })
})

describe('refused', () => {
  test.each([
    ['another repository', '{ repository(owner: "northquay", name: "other") { id } }'],
    ['another repository beside the own one', `{ ${REPOSITORY} { id } b: repository(owner: "northquay", name: "other") { id } }`],
    ['another repository by an alias that names the own one', '{ ledger: repository(owner: "evil", name: "ledger") { id } }'],
    ['no name at all', '{ repository(owner: "northquay") { id } }'],
    ['another one in a fragment', `query { ...f } fragment f on Query { ${REPOSITORY} { id } other: repository(owner: "x", name: "y") { id } }`],
    ['another one in nested fragments', 'query { ...a } fragment a on Query { ...b } fragment b on Query { ... { search(query: "x", type: ISSUE) { issueCount } } }'],
    ['a variable that is not given', 'query($o: String = "evil") { repository(owner: $o, name: "ledger") { id } }'],
    ['a search', '{ search(query: "secret", type: CODE, first: 1) { issueCount } }'],
    ['an alias that hides a field', `{ ${REPOSITORY} { id: vulnerabilityAlerts(first: 1) { totalCount } } }`],
    ['files of any branch', `{ ${REPOSITORY} { object(expression: "main:secrets") { id } } }`],
    ['repositories of the owner', `{ ${REPOSITORY} { owner { ... on Organization { repositories(first: 9) { nodes { name } } } } } }`],
    ['pull requests of the parent', `{ ${REPOSITORY} { parent { pullRequests(first: 1) { nodes { id } } } } }`],
    ['pull requests of the repository that another came from', `{ ${REPOSITORY} { pullRequest(number: 1) { headRepository { pullRequests(first: 1) { nodes { id } } } } } }`],
    ['people of the organisation', `{ ${REPOSITORY} { assignableUsers(first: 9) { nodes { email } } } }`],
    ['nodes by ids', '{ nodes(ids: ["R_1"]) { id } }'], ['the viewer\'s repositories', '{ viewer { repositories(first: 1) { totalCount } } }'],
    ['a directive', `{ ${REPOSITORY} @include(if: true) { id } }`], ['a directive on a fragment', `query { ...f @skip(if: false) } fragment f on Query { ${REPOSITORY} { id } }`],
    ['two operations', `query a { ${REPOSITORY} { id } } query b { ${REPOSITORY} { id } }`], ['a subscription', 'subscription { x }'], ['a type of its own', 'type A { b: Int }'],
    ['merging', 'mutation { mergePullRequest(input: {pullRequestId: "PR_1"}) { clientMutationId } }'],
    ['merging behind an allowed name', 'mutation { createPullRequest: deleteRef(input: {refId: "x"}) { clientMutationId } }'],
    ['merging beside opening', 'mutation { createPullRequest(input: {repositoryId: "R"}) { clientMutationId } mergePullRequest(input: {pullRequestId: "PR_1"}) { clientMutationId } }'],
    ['merging in a fragment', 'mutation { ...f } fragment f on Mutation { mergePullRequest(input: {pullRequestId: "P"}) { clientMutationId } }'],
    ['an unknown part of a pull request', 'mutation { createPullRequest(input: {repositoryId: "R", stackId: "x"}) { pullRequest { id } } }'],
    ['reading the repository behind what was opened', 'mutation { createPullRequest(input: {repositoryId: "R"}) { pullRequest { repository { owner { id } } } } }'],
    ['a fragment that holds itself', 'query { ...a } fragment a on Query { ...b } fragment b on Query { ...a }'],
    ['what is no GraphQL', '{ repository('], ['nothing', ''],
  ])('%s', (_name, query) => { expect(asked(query)).toMatchObject({ do: 'refuse' }) })

  test('a batch, a body of another form, and an operation of another name', () => {
    const one = { query: `{ ${REPOSITORY} { id } }` }
    expect(judge(one, own)).toMatchObject({ do: 'query' })
    for (const body of [[one], null, 'x', { ...one, extensions: { persistedQuery: {} } }, { ...one, operationName: 'other' }, { ...one, variables: [] }, { query: 5 }]) expect(judge(body, own)).toMatchObject({ do: 'refuse' })
  })
  test('what is made to grow, before it grows', () => {
    const levels = Array.from({ length: 18 }, (_, n) => `fragment f${n} on Query { ...f${n + 1} ...f${n + 1} ...f${n + 1} }`).join(' ')
    expect(asked(`query { ...f0 } ${levels} fragment f18 on Query { viewer { login } }`)).toMatchObject({ do: 'refuse' })
    expect(asked(`{ ${REPOSITORY} ${'{ owner '.repeat(30)} { id } ${'}'.repeat(30)} }`)).toMatchObject({ do: 'refuse' })
    expect(asked(`{ ${REPOSITORY} { ${'id '.repeat(4000)} } }`)).toMatchObject({ do: 'refuse' })
  })
})

test('by address: reading below the one repository', () => {
  for (const path of ['', '/readme', '/pulls', '/pulls/1', '/pulls/1/files', '/commits/berth/demo/check-runs', '/commits/abc/status']) expect([path, restAllowed('GET', `/repos/northquay/ledger${path}`, own)]).toEqual([path, true])
  const refused = ['/repos/northquay/other', '/repos/northquay/ledger/../other', '/repos/northquay/ledger%2f..%2fother', '/repos/northquay//ledger', '/repos/northquay/ledger/hooks', '/repos/northquay/ledger/actions/secrets', '/repos/northquay/ledger/keys', '/repos/northquay/ledger/contents/x', '/repos/northquay/ledger/collaborators', '/user', '/', '/repos/northquay/ledger/pulls/../hooks', '/repos/northquay/ledger/commits/../../other/status', '//repos/northquay/ledger', '/repos/northquay/ledger;x', '/app', '/installation/token', '/repos/northquay/ledger/pulls/1/merge']
  for (const path of refused) expect([path, restAllowed('GET', path, own)]).toEqual([path, false])
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) expect(restAllowed(method, '/repos/northquay/ledger/pulls', own)).toBe(false)
})
