/**
 * Every attack that is refused, the test that tries it, and the one place that refuses it. `off` is that place without its
 * rule: the test has to fail then, else it shows nothing. `bun run attack -- --policy-off` sees to it.
 */
export interface Policy {
  readonly attack: string
  readonly test: { readonly file: string; readonly name: string }
  /** `from` stands in the file once. */
  readonly off: { readonly file: string; readonly from: string; readonly to: string }
}

const GIT = 'e2e/src/attack/git.test.ts'
const push = (what: string): Policy['test'] => ({ file: GIT, name: `a push of > ${what} is refused, noted, and done where the rule is off` })
const REFS = 'packages/core/src/git/git-policy.ts'
const GATEWAY = 'apps/server/src/git-gateway/gateway.ts'
const LOOK = 'apps/server/src/git-gateway/look.ts'
const KEPT_PACKS = 'apps/server/src/git-gateway/kept-packs.test.ts'
const HOSTED = { file: 'apps/server/src/git-hosting/git-hosting.test.ts', name: 'refuses other refs with a message that git prints, and all of a mixed push' }
const PKT_LINE = { file: 'e2e/src/attack/git-pkt-line.test.ts', name: 'lists are read without a failure' }
const ADDRESS = { file: GIT, name: 'that another reader would read otherwise reaches nothing' }
const MOVED = { file: GIT, name: 'that the host sends elsewhere is not followed with the credential' }
const LFS = { file: GIT, name: 'a place of a large file is of one workspace, one way, and an hour' }
const FRAME = { file: GIT, name: 'a frame that names another workspace is asked for whoever holds the link' }
const MACHINE = { file: 'apps/server/src/link/faults.test.ts', name: "another machine's token, an old protocol and a wrong generation are told apart" }
const BOOT = { file: 'packages/store/src/uploads.test.ts', name: 'enrols by a boot token until a link was opened with what it gave' }
const FORGED = { file: 'apps/server/src/server-asks.test.ts', name: 'can neither decide, apply, withdraw nor forge what the server asks' }
const PHONE = { file: 'apps/server/src/notify/notify.test.ts', name: 'takes no token that is unknown, for another answer, for other content, or sent by another site' }
const TICKET = { file: 'packages/store/src/previews.test.ts', name: 'a ticket enters once, at its port, and the visit ends with the session' }
const PRIVATE = { file: 'apps/server/src/egress/proxy.test.ts', name: 'no address of the host or its networks is reached, by number or by a name that leads there, and nobody is asked' }

const creates = { file: REFS, from: 'if (!(chosen || matches(isNew ? policy.create : policy.update))) return refused', to: 'if (false) return refused' }
const whole = { file: GATEWAY, from: '(reasons.some((reason) => reason !== null) ?', to: '(reasons.every((reason) => reason !== null) ?' }

export const POLICIES: readonly Policy[] = [
  // Refs and repositories, at a git host.
  { attack: 'a ref outside the policy', test: push('a branch that is not its own'), off: creates },
  { attack: 'the main branch', test: push('the main branch'), off: { ...creates, to: 'if (false) return refused' } },
  { attack: "another workspace's branch", test: push("another workspace's branch"), off: creates },
  { attack: 'a tag', test: push('a tag'), off: { file: REFS, from: 'if (isNew ? policy.tags || matches(policy.create)', to: 'if (isNew ? true' } },
  { attack: 'a deletion', test: push('a deletion'), off: { file: REFS, from: 'return matches(policy.delete) && !ZERO.test(oldId) ?', to: 'return !ZERO.test(oldId) ?' } },
  { attack: 'a mixed push', test: push('a mixed push, of which one may'), off: whole },
  { attack: 'a force', test: push('a rewritten branch'), off: { file: REFS, from: 'forwardOnly: !isNew && !matches(policy.force)', to: 'forwardOnly: false' } },
  { attack: "another workspace's repository, to write", test: push("another workspace's repository"), off: { file: REFS, from: ": found.length > 0 ? 'read' : null", to: ": 'write'" } },
  { attack: 'a repository that may be read, to write', test: push('a repository it may read'), off: { file: REFS, from: ": found.length > 0 ? 'read' : null", to: ": 'write'" } },
  { attack: "another workspace's repository, to read", test: { file: GIT, name: 'of a repository that is not its own is done as a stranger, and with the credential where a person said so' }, off: { file: REFS, from: ": found.length > 0 ? 'read' : null", to: ": 'read'" } },
  { attack: 'a file that the host runs', test: push('a workflow of the host'), off: { file: LOOK, from: 'if (policy.workflows || policy.askWorkflows) return', to: 'if (range.length > 0) return' } },
  { attack: 'a secret in a commit', test: push('a secret'), off: { file: LOOK, from: 'if (kind !== null) yield', to: 'if (false) yield' } },
  { attack: 'a secret in what says it is binary', test: push('a secret in a file that says it is binary'), off: { file: LOOK, from: "'-p', '-U0', '--text'", to: "'-p', '-U0'" } },
  { attack: 'a large file', test: push('a large file'), off: { file: LOOK, from: 'Number(size) > policy.maxFileBytes', to: 'Number(size) > Infinity' } },
  { attack: 'an option for the host', test: { file: GIT, name: 'an option for the host does not go along' }, off: { file: 'packages/core/src/git/push-commands.ts', from: "state.strict ??= 'push options are not passed on'", to: 'state.strict ??= null' } },
  // In the repository of the server, which a workspace shares with nobody.
  { attack: 'a ref outside the policy, in the hosted repository', test: HOSTED, off: { file: 'apps/server/src/git-hosting/policy.ts', from: "if (ref !== own && !ref.startsWith(`${own}-`) && ref !== HOSTED_REFS.save)", to: 'if (false)' } },
  // The list of a push, read otherwise than git reads it.
  { attack: 'pkt-line: what stands behind a NUL', test: PKT_LINE, off: { file: 'packages/core/src/git/push-commands.ts', from: 'return nul < 0 ? bytes : bytes.subarray(0, nul)', to: 'return nul < 0 ? bytes : bytes.subarray(0, nul + 1)' } },
  { attack: 'pkt-line: an end that is no end', test: PKT_LINE, off: { file: 'packages/core/src/git/packet.ts', from: "if (length === 1) return { kind: 'delimiter', end: at + 4 }", to: "if (length === 1) return { kind: 'more' }" } },
  { attack: 'pkt-line: a certificate', test: { file: 'packages/core/src/git/push-commands.test.ts', name: 'what a certificate says is not read for commands, and the push is refused whole' }, off: { file: 'packages/core/src/git/push-commands.ts', from: "if (LATIN.decode(line) === 'push-cert') {", to: "if (LATIN.decode(line) === 'no push-cert') {" } },
  // Packs that the server keeps.
  { attack: 'a kept pack, without having been shown its refs', test: { file: KEPT_PACKS, name: 'nor who was not shown the refs, asks for what was not among them, or was shown them long ago' }, off: { file: 'apps/server/src/git-gateway/kept-packs.ts', from: ' || !command.wants.every((id) => refs.ids.has(id))', to: '' } },
  { attack: 'a kept pack of other refs', test: { file: KEPT_PACKS, name: 'another tag makes it another pack, also where the same commit is wanted' }, off: { file: 'apps/server/src/git-gateway/kept-packs.ts', from: 'asker.path, refs.digest,', to: 'asker.path,' } },
  { attack: 'a kept pack, long after its refs were shown', test: { file: KEPT_PACKS, name: 'nor who was not shown the refs, asks for what was not among them, or was shown them long ago' }, off: { file: 'apps/server/src/git-gateway/kept-packs.ts', from: '{ clock, ms: SHOWN_MS,', to: '{ clock, ms: Infinity,' } },
  { attack: 'a pack that was asked ahead for another workspace', test: { file: 'apps/server/src/git-gateway/asking-ahead.test.ts', name: 'nobody has it to whom the host shows nothing, or has not shown it a moment ago' }, off: { file: 'apps/server/src/git-gateway/kept-packs.ts', from: '[workspaceId, own, origin, path].join', to: '[origin, path].join' } },
  // Where the gateway goes, and with what.
  { attack: 'gateway SSRF: a host that nobody named', test: ADDRESS, off: { file: 'apps/server/src/git-gateway/host-access.ts', from: 'if (stored === null && missing === null && !(await', to: 'if (false && !(await' } },
  { attack: 'host confusion: an address that is written in another way', test: ADDRESS, off: { file: 'apps/server/src/git-gateway/wanted.ts', from: 'if (path === null || origin !== withoutDefaultPort(address)) throw notGit()', to: 'if (path === null) throw notGit()' } },
  { attack: 'host confusion: another repository of the same host', test: { file: GIT, name: 'of a repository that is not its own is done as a stranger, and with the credential where a person said so' }, off: { file: REFS, from: 'known.origin === wanted.origin && known.path === wanted.path', to: 'known.origin === wanted.origin' } },
  { attack: 'redirect theft', test: MOVED, off: { file: 'apps/server/src/git-gateway/upstream.ts', from: "redirect: 'manual'", to: "redirect: 'follow'" } },
  { attack: 'a private address behind a name, through the way out', test: PRIVATE, off: { file: 'apps/server/src/egress/proxy.ts', from: 'return found.every((address) => rules.isPublic(address) && !ours.has(address)) ? found : []', to: 'return ours.size >= 0 && rules ? found : []' } },
  { attack: "another workspace's place of a large file", test: LFS, off: { file: 'apps/server/src/git-gateway/lfs.ts', from: ' || ticket.workspaceId !== workspace.id', to: '' } },
  { attack: 'a place of a large file, the other way', test: LFS, off: { file: 'apps/server/src/git-gateway/lfs.ts', from: ' || ticket.method !== request.method', to: '' } },
  { attack: 'a large file out of a protected workspace', test: { file: 'apps/server/src/git-gateway/gateway.test.ts', name: 'fetches in a protected workspace and sends nothing, also by what it was given before it was' }, off: { file: 'apps/server/src/git-gateway/lfs.ts', from: "if (ticket.method !== 'GET' && policy.profile === 'protected')", to: 'if (false)' } },
  // Who speaks on a link.
  { attack: 'a frame forged for another workspace', test: FRAME, off: { file: 'apps/server/src/link/link-http.ts', from: 'return await handle(workspaceId, request)', to: "return await handle((request.headers.get('x-berth-workspace') as WorkspaceId | null) ?? workspaceId, request)" } },
  { attack: "a hello for another workspace's machine", test: MACHINE, off: { file: 'apps/server/src/link/conversation.ts', from: 'if (hello.workspaceId !== identity.workspaceId || hello.generation !== identity.generation)', to: 'if (false)' } },
  { attack: 'an upload of an epoch that is over', test: { file: 'packages/store/src/uploads.test.ts', name: 'takes over: the older link may not write, nor close the newer one' }, off: { file: 'packages/store/src/upload.ts', from: 'if (epoch !== stream.linkEpoch)', to: 'if (false)' } },
  { attack: "an answer to another workspace's question", test: { file: 'packages/store/src/uploads.test.ts', name: 'moves an approval, by its own workspace only' }, off: { file: 'packages/store/src/projections.ts', from: 'decided_by else ${decidedBy} end\n    where id = ${approvalId} and workspace_id = ${workspaceId} and', to: 'decided_by else ${decidedBy} end\n    where id = ${approvalId} and ${workspaceId}::text is not null and' } },
  // Tokens that were used, or are over.
  { attack: 'a boot token that was used', test: BOOT, off: { file: 'packages/store/src/links.ts', from: 'and b.hash = ${bootHash} and b.used_at is null', to: 'and b.hash = ${bootHash}' } },
  { attack: "another generation's boot token", test: BOOT, off: { file: 'packages/store/src/links.ts', from: "where b.workspace_id = ${workspaceId} and b.generation = ${generation} and b.hash = ${bootHash} and b.used_at is null\n            and w.deleted_at is null and w.generation = ${generation} and", to: 'where b.workspace_id = ${workspaceId} and b.hash = ${bootHash} and b.used_at is null\n            and w.deleted_at is null and' } },
  { attack: "a deleted workspace's link token", test: BOOT, off: { file: 'packages/store/src/links.ts', from: "and w.deleted_at is null and w.wish_target <> 'deleted'\n          and not exists", to: 'and w.deleted_at is null\n          and not exists' } },
  { attack: 'a ticket of a preview, twice', test: TICKET, off: { file: 'packages/store/src/previews.ts', from: "delete from preview_grants where hash = ${hashToken(ticket)} and kind = 'ticket' and workspace_id = ${visit.workspaceId} and port = ${visit.port} and expires_at > ${now}", to: "select token_id from preview_grants where hash = ${hashToken(ticket)} and kind = 'ticket' and workspace_id = ${visit.workspaceId} and port = ${visit.port} and expires_at > ${now} and ${hashToken(ticket)} <> ''" } },
  { attack: 'a ticket of a preview, too late', test: TICKET, off: { file: 'packages/store/src/previews.ts', from: 'and port = ${visit.port} and expires_at > ${now}', to: 'and port = ${visit.port} and ${now} > 0' } },
  { attack: 'a token of a person that has expired', test: { file: 'packages/store/src/store.test.ts', name: 'knows a token by its hash until it expires or is revoked' }, off: { file: 'packages/store/src/access.ts', from: 'where t.hash = ${hashToken(token)} and (t.expires_at is null or t.expires_at > ${now})', to: 'where t.hash = ${hashToken(token)} and ${now} > 0' } },
  { attack: 'a sign-in code, twice', test: { file: 'packages/store/src/store.test.ts', name: 'redeems a sign-in code once' }, off: { file: 'packages/store/src/access.ts', from: 'where hash = ${hashToken(code)} and used_at is null and expires_at', to: 'where hash = ${hashToken(code)} and expires_at' } },
  // Decisions that nobody took.
  { attack: 'a decision of the server, forged by the machine', test: FORGED, off: { file: 'packages/store/src/believed.ts', from: "return id === 'forged' || (id !== null && ours.has(id)) ?", to: 'return id !== null && ours.has(id) ?' } },
  { attack: 'a question of the server, answered by the machine', test: FORGED, off: { file: 'packages/store/src/believed.ts', from: "return id === 'forged' || (id !== null && ours.has(id)) ?", to: "return id === 'forged' ?" } },
  { attack: 'a push that nobody allowed', test: { file: GIT, name: 'a push that nobody allowed stays, whatever the machine says, and goes where nobody is to be asked' }, off: { file: 'apps/server/src/git-gateway/kept-push.ts', from: "if (policy.profile === 'protected' && (policy.approval === 'ask' || unsure)) {", to: 'if (false) {' } },
  { attack: 'a push that a person denied', test: { file: 'apps/server/src/git-gateway/gateway.test.ts', name: 'sends nothing that its person denied, and git says why' }, off: { file: 'apps/server/src/git-gateway/kept-push.ts', from: "if (decision.behavior === 'deny')", to: 'if (false)' } },
  { attack: 'an allowance for one push, used for another', test: { file: 'apps/server/src/server-asks.test.ts', name: 'outlives the server that asked: the next who asks the same is given the answer, once' }, off: { file: 'apps/server/src/services/server-asks.ts', from: 'tool, input, cwd: null }', to: 'tool, input: {}, cwd: null }' } },
  { attack: 'a tap for one question, replayed for another', test: PHONE, off: { file: 'apps/server/src/notify/decision.ts', from: 'if (asked === null || asked.contentHash !== contentHash)', to: 'if (asked === null)' } },
  // What was tried is known.
  { attack: 'an attempt that leaves no row', test: ADDRESS, off: { file: GATEWAY, from: 'await store.audit.write(workspace.orgId, { action, workspaceId', to: 'if (false) await store.audit.write(workspace.orgId, { action, workspaceId' } },
  { attack: 'a push that leaves no row', test: push('a branch that is not its own'), off: { file: GATEWAY, from: 'Promise<unknown> => store.audit.write(workspace.orgId, {', to: 'Promise<unknown> => ((...nothing: unknown[]): Promise<unknown> => Promise.resolve(nothing))(workspace.orgId, {' } },
]
