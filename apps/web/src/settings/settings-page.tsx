/** What belongs to a person on every device, and what belongs to this one. */
import { useEffect, useMemo } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import { Skeleton } from '../shell/lazy.tsx'
import { linkTo } from '../state/session.ts'
import { Icon } from '../ui/icon.tsx'
import { adoptStyle } from '../rooms/adopt-style.ts'
import { RefusalLine } from '../rooms/refusal-line.tsx'
import '../rooms/sheet.tsx'
import { AccessPart, ServerPart } from './access-part.tsx'
import { AuditPart } from './audit-part.tsx'
import { CommitsPart } from './commits-part.tsx'
import { NotifyPart } from './notify-part.tsx'
import { SavingWord, Section } from './parts.tsx'
import { PasskeysPart } from './passkeys-part.tsx'
import { PeoplePart } from './people-part.tsx'
import { PhrasesPart } from './phrases-part.tsx'
import { UsagePart } from './usage-part.tsx'
import { openSettings } from './settings-state.ts'
import { setTheme, theme, THEMES, type Theme } from './theme.ts'
import css from './settings.css' with { type: 'text' }

adoptStyle(css)

export function SettingsPage() {
  const room = useMemo(openSettings, [])
  useEffect(() => {
    void room.read()
    document.title = 'Settings · Berth'
    return () => (document.title = 'Berth')
  }, [room])
  const settings = room.settings.value
  return (
    <main class="settings" aria-label="Settings">
      <header class="settings-head">
        <a class="icon" aria-label="All workspaces" {...linkTo('/')}><Icon name="i-back" /></a>
        <h1>Settings</h1>
        <SavingWord state={room.saving.value} />
      </header>
      <div class="settings-scroll">
        <RefusalLine refusal={room.refusal.value} onRetry={() => void room.read()} />
        <Look />
        {!settings && !room.refusal.value && <Skeleton name="What is yours" />}
        {settings && <PhrasesPart room={room} phrases={settings.phrases} />}
        {settings && <NotifyPart room={room} notify={settings.notify} />}
        <CommitsPart />
        <AccessPart />
        <PasskeysPart />
        <PeoplePart />
        <Kept />
        <UsagePart />
        <AuditPart />
        <ServerPart />
      </div>
    </main>
  )
}

function Kept() {
  return (
    <Section title="Repositories kept here">
      <div class="setting-row">
        <span class="grow">Of tasks and workspaces<small>their size, how long they stay, and passwords for git</small></span>
        <a class="btn" {...linkTo('/repositories')}>Repositories</a>
      </div>
    </Section>
  )
}

const THEME_WORDS: Record<Theme, string> = { system: 'As the system', light: 'Light', dark: 'Dark' }

function Look() {
  const now = useSignal<Theme>(theme())
  const choose = (next: Theme) => {
    setTheme(next)
    now.value = next
  }
  return (
    <Section title="Look">
      <div class="setting-row">
        <span class="grow" id="theme-label">Theme<small>Of this device</small></span>
        <div class="segments" role="group" aria-labelledby="theme-label">{THEMES.map((name) => <button key={name} type="button" aria-pressed={now.value === name} onClick={() => choose(name)}>{THEME_WORDS[name]}</button>)}</div>
      </div>
    </Section>
  )
}
