/** Nobody is signed in: the agent's own sign-in, begun from here, with what it says as a link, a code and a field. */
import { useEffect } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import type { AgentKind, Workspace } from '@berth/wire'
import { AGENT_KINDS } from '@berth/wire/agents'
import { signInEnds, signInEndsIn } from '@berth/wire/sign-in-rules'
import { attempt, client, linkTo, now as clock, offlineSince, pathTo } from '../state/session.ts'
import { copy } from '../shell/copy.ts'
import { adoptStyle } from '../rooms/adopt-style.ts'
import { when } from '../rooms/words.ts'
import { Icon } from '../ui/icon.tsx'
import { inert } from '../ui/inert.ts'
import css from '../rooms/rooms.css' with { type: 'text' }
import '../shell/late-style.ts'

adoptStyle(css)

const LOOK_MS = 1000
type SignIn = Awaited<ReturnType<typeof client.beginSignIn>>
type Login = Awaited<ReturnType<typeof client.listLogins>>[number]

export function SignInCard({ workspace: { id }, agent }: { workspace: Workspace; agent: AgentKind }) {
  const login = useSignal<Login | null>(null)
  const signIn = useSignal<SignIn | null>(null)
  useEffect(() => follow(id, agent, (nextLogin, next) => {
    login.value = nextLogin
    signIn.value = next
  }), [id, agent])
  const { signedIn = true, expiresAt = null } = login.value ?? {}
  const ends = signInEnds(expiresAt, clock.value)
  if (signedIn !== false && ends === 'later') return null
  const { title } = AGENT_KINDS[agent]
  const now = signIn.value
  const running = now?.state === 'running'
  return (
    <section class="sign-in" aria-label={`Sign in to ${title}`}>
      <h2><Icon name="st-needs" />{running ? `Signing in to ${title}` : ends === 'soon' && expiresAt !== null ? `${title}: ${signInEndsIn(expiresAt, clock.value)}` : `${title} is not signed in`}</h2>
      {ends === 'ended' && expiresAt !== null && <p class="meta">The login ended {when(expiresAt, clock.value)}.</p>}
      {running ? <Steps id={id} now={now} told={(next) => (signIn.value = next)} /> : <Begin id={id} agent={agent} again={ends === 'soon'} before={now} begun={(next) => (signIn.value = next)} />}
      {running && <OwnScreen id={id} />}
    </section>
  )
}

function Begin({ id, agent, again, before, begun }: { id: Workspace['id']; agent: AgentKind; again: boolean; before: SignIn | null; begun(next: SignIn): void }) {
  const failed = before?.state === 'failed'
  const begin = () => void attempt(() => client.beginSignIn({ id, agent })).then((now) => { if (now) begun(now) })
  return (
    <>
      {failed && <p class="wrong" role="alert">It did not work: {inert(before.message ?? 'it did not say why')}</p>}
      <p class="meta">The login is made in the machine and stays there; it is in nothing that is saved.</p>
      <div class="sign-in-acts"><button type="button" class="btn main" disabled={offlineSince.value !== null} onClick={begin}>{again ? 'Sign in again' : failed ? 'Try again' : `Sign in to ${AGENT_KINDS[agent].title}`}</button><OwnScreen id={id} /></div>
    </>
  )
}

function OwnScreen({ id }: { id: Workspace['id'] }) {
  return <a class="btn quiet sign-in-own" {...linkTo(pathTo(id, 'terminal'))}>At its own screen</a>
}

/** Looks again and again, until it is given back. */
function follow(id: Workspace['id'], agent: AgentKind, told: (login: Login | null, signIn: SignIn | null) => void): () => void {
  const stop = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const look = async () => {
    try {
      const [logins, { signIn }] = await Promise.all([client.listLogins({ id }, stop.signal), client.getSignIn({ id }, stop.signal)])
      told(logins.find((one) => one.agent === agent) ?? null, signIn?.agent === agent ? signIn : null)
    } catch { /* The machine is away, or its daemon is older: its screen is there all the same. */ }
    if (!stop.signal.aborted) timer = setTimeout(() => void look(), LOOK_MS)
  }
  void look()
  return () => {
    stop.abort()
    clearTimeout(timer)
  }
}

function Steps({ id, now, told }: { id: Workspace['id']; now: SignIn; told(next: SignIn): void }) {
  const answer = useSignal('')
  const sent = useSignal(false)
  const { url, code, wantsAnswer } = now
  const send = async () => {
    const next = await attempt(() => client.answerSignIn({ id, text: answer.value.trim() }))
    if (!next) return
    sent.value = true
    answer.value = ''
    told(next)
  }
  if (url === null && code === null) return <p class="meta" role="status">It begins …</p>
  return (
    <ol class="sign-in-steps">
      {url !== null && <li><a class="btn" href={url} target="_blank" rel="noopener noreferrer"><Icon name="i-globe" />Open {inert(new URL(url).host)}</a><button type="button" class="btn quiet" onClick={() => void copy(url)}>Copy the address</button></li>}
      {code !== null && <li>Type the code <code>{inert(code)}</code><button type="button" class="btn quiet" onClick={() => void copy(code)}>Copy</button></li>}
      {wantsAnswer && (
        <li>
          <form class="sign-in-answer" onSubmit={(event) => { event.preventDefault(); void send() }}>
            <label class="field"><span>Paste what the page gives you</span><input type="password" autocomplete="off" required value={answer.value} onInput={(event) => (answer.value = event.currentTarget.value)} /></label>
            <button type="submit" class="btn main" disabled={answer.value.trim() === ''}>Bring it back</button>
          </form>
          {sent.value && <p class="meta" role="status">Brought back; it is looked at.</p>}
        </li>
      )}
    </ol>
  )
}
