/** A machine for an agent, from a repository and a sentence. A sheet under the thumb, a dialog at a desk. */
import type { ComponentChildren, TargetedEvent } from 'preact'
import { useEffect, useId, useMemo } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import { AGENT_KINDS } from '@berth/wire/agents'
import type { ProviderInfo } from '@berth/wire/api'
import { client, go, offlineSince, pathTo } from '../state/session.ts'
import { Icon } from '../ui/icon.tsx'
import { inert } from '../ui/inert.ts'
import { plural } from '../ui/words.ts'
import { adoptStyle } from '../rooms/adopt-style.ts'
import { refusalOf, useLoaded } from '../rooms/loaded.ts'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import { Sheet } from '../rooms/sheet.tsx'
import { say } from '../shell/toast.tsx'
import { EMPTY_FORM, fieldOf, newKey, readForm, SIZES, SLEEPS, type Form, type SizeName, type SleepName, type Wrong } from './form.ts'
import { PriceLine } from './price-line.tsx'
import { RepositoryField } from './repository-field.tsx'
import css from './new-workspace.css' with { type: 'text' }

adoptStyle(css)

interface Part { form: Form; wrong: Wrong; set: (change: Partial<Form>) => void }

export function NewWorkspaceSheet({ onClose }: { onClose: () => void }) {
  const form = useSignal<Form>(EMPTY_FORM)
  const wrong = useSignal<Wrong>({})
  const acting = useSignal(false)
  const branches = useSignal<readonly string[]>([])
  // One key for one intention: a repeated request after a lost answer makes no second workspace.
  const key = useMemo(newKey, [])
  const providers = useLoaded('providers', (signal) => client.listProviders(undefined, signal))
  const chosen = chosenProvider(providers.value.value, form.value.provider)
  const set = (change: Partial<Form>) => {
    form.value = { ...form.value, ...change }
    wrong.value = Object.fromEntries(Object.entries(wrong.value).filter(([field]) => field !== 'all' && !(field in change)))
  }
  const create = async () => {
    const read = readForm(form.value, { isolation: chosen?.isolation ?? null, idempotencyKey: key })
    if ('wrong' in read) {
      wrong.value = read.wrong
      return showFirst()
    }
    if (acting.value) return
    acting.value = true
    try {
      const workspace = await client.createWorkspace(read.request)
      onClose()
      if (form.value.mcpForProject) await keepForProject(read.request)
      if (form.value.web) return go(pathTo(workspace.id))
      go('/')
      say(`${workspace.name} starts. Browsers do not see it: berth attach ${workspace.name}`)
    } catch (error) {
      const { code, message, hint } = refusalOf(error)
      wrong.value = { [fieldOf(code)]: [message, hint].filter(Boolean).join('; ') }
      showFirst()
    } finally {
      acting.value = false
    }
  }
  const part: Part = { form: form.value, wrong: wrong.value, set }
  const off = offlineSince.value !== null
  return (
    <Sheet
      wide title="New workspace" onClose={onClose} onSubmit={() => void create()}
      foot={<><p class={`meta new-note ${off ? 'away' : ''}`} role="status">{off ? 'The server does not answer; this waits.' : 'No long-lived credential of yours enters the machine.'}</p><button type="button" class="btn new-cancel" onClick={onClose}>Cancel</button><button type="submit" class="btn main" disabled={acting.value || off}>{acting.value ? 'Starting' : form.value.agent === 'plain' ? 'Start' : 'Start task'}</button></>}
    >
      <div class="new-form">
        <RepositoryField value={form.value.repository} disabled={form.value.empty} wrong={wrong.value.repository} onInput={(repository) => set({ repository })} onPick={(repository) => { set({ repository: repository.url }); branches.value = repository.branches }} />
        <label class="check-row small"><input type="checkbox" checked={form.value.empty} onChange={(event) => set({ empty: event.currentTarget.checked })} /><span>Begin with an empty tree</span></label>
        <Task {...part} />
        <Where {...part} branches={branches.value} providers={providers.value.value} chosen={chosen} />
        <RefusalLine refusal={providers.refusal.value} onRetry={providers.reload} />
        <Options legend="Size" name="size" value={form.value.size} options={SIZES} wrong={wrong.value.size} onChange={(size) => set({ size: size as SizeName })} />
        <Options legend="When nothing happens" name="sleep" value={form.value.sleep} options={SLEEPS} wrong={undefined} onChange={(sleep) => set({ sleep: sleep as SleepName })} />
        <Network {...part} bare={chosen?.isolation === 'none'} />
        <More {...part} can={chosen?.can ?? []} />
        {wrong.value.all && <RefusalLine refusal={{ code: '', message: wrong.value.all, hint: null }} />}
      </div>
    </Sheet>
  )
}

/** The first that is wrong may be far above or below, or folded away. */
function showFirst(): void {
  // Once it is drawn.
  setTimeout(() => {
    const first = document.querySelector<HTMLElement>('.new-form :is([aria-invalid="true"], [role="alert"])')
    const folded = first?.closest('details')
    if (folded) folded.open = true
    first?.focus()
    first?.scrollIntoView({ block: 'center' })
  })
}

function chosenProvider(list: readonly ProviderInfo[] | null, name: string): ProviderInfo | null {
  return list?.find((provider) => (name === '' ? provider.default : provider.name === name)) ?? null
}

/** In the order in which they are offered. */
const AGENTS = Object.entries(AGENT_KINDS) as [keyof typeof AGENT_KINDS, (typeof AGENT_KINDS)[keyof typeof AGENT_KINDS]][]

function Task(part: Part) {
  const { agent } = part.form
  return <>{AGENT_KINDS[agent].needsCommand && <Command {...part} />}{agent !== 'plain' && <FirstWords {...part} />}</>
}
function Command({ form, wrong, set }: Part) {
  return <Labelled label="Command" wrong={wrong.command}>{(aria) => <input {...aria} class="code-field" autocapitalize="off" autocomplete="off" spellcheck={false} maxLength={8192} placeholder={form.agent === 'acp' ? 'my-agent --acp' : 'npm run dev'} value={form.command} onInput={(event) => set({ command: event.currentTarget.value })} />}</Labelled>
}
function FirstWords({ form, wrong, set }: Part) {
  return <Labelled label="Task" note="optional; you can say it later" wrong={wrong.prompt}>{(aria) => <textarea {...aria} rows={3} maxLength={200_000} placeholder="What needs doing?" value={form.prompt} onInput={(event) => set({ prompt: event.currentTarget.value })} />}</Labelled>
}

/** From so many on they are folded away: most are clouds that nobody set up. */
const MANY = 2
function Where({ form, wrong, set, branches, providers, chosen }: Part & { branches: readonly string[]; providers: readonly ProviderInfo[] | null; chosen: ProviderInfo | null }) {
  const list = useId()
  const others = providers?.filter((provider) => provider.status !== 'ready' && provider !== chosen) ?? []
  return (
    <>
      <div class="three">
        <Labelled label="Branch from" wrong={wrong.branch}>{(aria) => <input {...aria} list={list} disabled={form.empty} autocapitalize="off" autocomplete="off" spellcheck={false} maxLength={255} placeholder="its default" value={form.branch} onInput={(event) => set({ branch: event.currentTarget.value })} />}</Labelled>
        <datalist id={list}>{branches.map((branch) => <option key={branch} value={branch} />)}</datalist>
        <Labelled label="Agent" wrong={undefined}>{(aria) => <select {...aria} value={form.agent} onChange={(event) => set({ agent: AGENTS.find(([kind]) => kind === event.currentTarget.value)?.[0] ?? 'claude' })}>{AGENTS.map(([kind, { title }]) => <option key={kind} value={kind}>{title}</option>)}</select>}</Labelled>
        <Labelled label="Where" wrong={wrong.provider}>{(aria) => (
          <select {...aria} value={chosen?.name ?? ''} disabled={providers === null} onChange={(event) => set({ provider: event.currentTarget.value, acceptNoIsolation: false, docker: false, sudo: false })}>
            {providers?.map((provider) => <option key={provider.name} value={provider.name} disabled={provider.status !== 'ready'}>{provider.name}{provider.status === 'ready' ? '' : ', not ready'}</option>)}
          </select>
        )}</Labelled>
      </div>
      {chosen && <p class="meta provider-line"><Icon name={chosen.status === 'ready' ? 'i-check' : 'st-failed'} class={chosen.status === 'ready' ? 'plus' : 'minus'} />{inert([chosen.detail, chosen.hint, ISOLATION[chosen.isolation]].filter(Boolean).join('. '))}</p>}
      <PriceLine provider={chosen?.status === 'ready' ? chosen.name : null} size={form.size} />
      {others.length > 0 && <details class="meta not-ready" open={others.length < MANY}><summary>{plural(others.length, 'place')} not ready</summary>{others.map((provider) => <p key={provider.name} class="meta provider-line"><Icon name="st-offline" />{inert(`${provider.name}: ${[provider.detail, provider.hint].filter(Boolean).join('. ')}`)}</p>)}</details>}
      {chosen?.isolation === 'none' && (
        <div>
          <label class="check-row risk"><input type="checkbox" aria-invalid={wrong.acceptNoIsolation !== undefined} checked={form.acceptNoIsolation} onChange={(event) => set({ acceptNoIsolation: event.currentTarget.checked })} /><span>The agent runs with my own rights<small>Nothing stands between it and this machine’s files and network</small></span></label>
          {wrong.acceptNoIsolation && <p class="wrong" role="alert">{wrong.acceptNoIsolation}</p>}
        </div>
      )}
    </>
  )
}

const ISOLATION: Record<string, string> = { container: 'In a container', sandbox: 'In a sandbox', vm: 'In a virtual machine', none: 'Not isolated' }

function More({ form, wrong, set, can }: Part & { can: readonly string[] }) {
  const open = useSignal(false)
  const refused = wrong.name !== undefined || wrong.image !== undefined || wrong.mcp !== undefined
  // A refusal in here opens it; that it is being corrected closes nothing.
  useEffect(() => { if (refused) open.value = true }, [refused])
  const toggled = ({ currentTarget: details }: TargetedEvent<HTMLDetailsElement>) => {
    open.value = details.open
    // It unfolds below the edge of the sheet, where nobody would see that it did; what is wrong is led to by itself.
    if (details.open && !refused) details.scrollIntoView({ block: 'nearest' })
  }
  return (
    <details class="more" open={open.value} onToggle={toggled}>
      <summary><span>Image <b>{form.image || 'the provider’s'}</b></span><span>Approvals <b>{APPROVALS[form.approvals]}</b></span>{!form.web && <span>Web <b>off</b></span>}<span class="change">Change</span></summary>
      <div class="three">
        <Labelled label="Name" wrong={wrong.name}>{(aria) => <input {...aria} autocapitalize="off" autocomplete="off" spellcheck={false} maxLength={39} placeholder="after the repository" value={form.name} onInput={(event) => set({ name: event.currentTarget.value })} />}</Labelled>
        <Labelled label="Image" wrong={wrong.image}>{(aria) => <input {...aria} autocapitalize="off" autocomplete="off" spellcheck={false} maxLength={512} placeholder="the provider’s" value={form.image} onInput={(event) => set({ image: event.currentTarget.value })} />}</Labelled>
        <Labelled label="Approvals" wrong={undefined}>{(aria) => (
          <select {...aria} value={form.approvals} onChange={(event) => { const { value } = event.currentTarget; set({ approvals: value === 'auto' || value === 'skip' ? value : 'ask' }) }}>
            <option value="ask">{APPROVALS.ask}</option><option value="auto">{APPROVALS.auto}</option><option value="skip">{APPROVALS.skip}</option>
          </select>
        )}</Labelled>
      </div>
      {form.agent !== 'plain' && <McpServers form={form} wrong={wrong} set={set} />}
      {can.includes('docker') && <label class={`check-row small ${form.docker ? 'risk' : ''}`}><input type="checkbox" checked={form.docker} onChange={(event) => set({ docker: event.currentTarget.checked })} /><span>A Docker engine of its own<small>For docker compose. It has rights over this host’s kernel: only for code that you trust</small></span></label>}
      {can.includes('sudo') && <label class={`check-row small ${form.sudo ? 'risk' : ''}`}><input type="checkbox" checked={form.sudo} onChange={(event) => set({ sudo: event.currentTarget.checked })} /><span>Root in its machine<small>For sudo. What Berth keeps there can then be read</small></span></label>}
      <label class="check-row small"><input type="checkbox" checked={form.web} onChange={(event) => set({ web: event.currentTarget.checked })} /><span>Show it on the web<small>Off: only the command line sees it, and nobody is notified of it</small></span></label>
    </details>
  )
}

const MODES = {
  open: { label: 'The internet', note: 'no private network' },
  allowlist: { label: 'Listed hosts', note: 'you are asked about others' },
  none: { label: 'Nothing', note: 'code and models only' },
} as const

/** Where nothing stands between the machine and the network, there is nothing to choose. */
function Network({ form, wrong, set, bare }: Part & { bare: boolean }) {
  if (bare) return null
  return (
    <>
      <Options legend="It may reach" name="egress" value={form.egress} options={MODES} wrong={wrong.egress} onChange={(egress) => { if (egress === 'open' || egress === 'allowlist' || egress === 'none') set({ egress }) }} />
      {form.egress === 'allowlist' && <Labelled label="Hosts" note="beside npm, PyPI, Debian and GitHub" wrong={wrong.hosts}>{(aria) => <textarea {...aria} rows={2} class="code-field" autocapitalize="off" spellcheck={false} maxLength={20_000} placeholder="api.example.com *.example.org" value={form.hosts} onInput={(event) => set({ hosts: event.currentTarget.value })} />}</Labelled>}
    </>
  )
}

/** The workspace is made by then, whatever becomes of this. */
async function keepForProject({ source, mcp }: CreateWorkspaceRequest): Promise<void> {
  if (source.kind !== 'git') return
  for (const server of mcp?.servers ?? []) {
    try {
      await client.setProjectMcp({ project: source.url, server })
    } catch (error) {
      return say(`${server.name} was not kept for the repository: ${refusalOf(error).message}`)
    }
  }
}
type CreateWorkspaceRequest = Extract<ReturnType<typeof readForm>, { request: unknown }>['request']

function McpServers({ form, wrong, set }: Part) {
  return (
    <>
      <Labelled label="MCP servers" note="optional, a line each" wrong={wrong.mcp}>{(aria) => <textarea {...aria} rows={2} class="code-field" autocapitalize="off" spellcheck={false} maxLength={20_000} placeholder="docs=https://mcp.example.com/mcp" value={form.mcp} onInput={(event) => set({ mcp: event.currentTarget.value })} />}</Labelled>
      {form.mcp.trim() !== '' && !form.empty && <label class="check-row small"><input type="checkbox" checked={form.mcpForProject} onChange={(event) => set({ mcpForProject: event.currentTarget.checked })} /><span>For every workspace of this repository<small>From now on; a workspace’s own of the same name wins</small></span></label>}
      <label class="check-row small"><input type="checkbox" checked={form.ownTools} onChange={(event) => set({ ownTools: event.currentTarget.checked })} /><span>Tools to reach you<small>It can ask you, show a preview, say where it is, and notify you</small></span></label>
    </>
  )
}

const APPROVALS: Record<Form['approvals'], string> = { ask: 'ask me', auto: 'the agent’s own', skip: 'no questions' }

type Aria = { id: string; 'aria-invalid': boolean; 'aria-describedby': string | undefined }

function Labelled({ label, note, wrong, children }: { label: string; note?: string; wrong: string | undefined; children: (aria: Aria) => ComponentChildren }) {
  const [field, says] = [useId(), useId()]
  return (
    <div class="field">
      <label for={field}>{label} {note && <small>{note}</small>}</label>
      {children({ id: field, 'aria-invalid': wrong !== undefined, 'aria-describedby': wrong ? says : undefined })}
      {wrong && <p class="wrong" id={says} role="alert">{wrong}</p>}
    </div>
  )
}

interface OptionsProps { legend: string; name: string; value: string; options: Record<string, { label: string; note: string }>; wrong: string | undefined; onChange: (value: string) => void }

function Options({ legend, name, value, options, wrong, onChange }: OptionsProps) {
  return (
    <fieldset class="pick">
      <legend>{legend}</legend>
      <div>
        {Object.entries(options).map(([key, { label, note }]) => (
          <label key={key} class="opt"><input type="radio" name={name} value={key} checked={key === value} onChange={() => onChange(key)} /><span>{label}<small>{note}</small></span></label>
        ))}
      </div>
      {wrong && <p class="wrong" role="alert">{wrong}</p>}
    </fieldset>
  )
}
