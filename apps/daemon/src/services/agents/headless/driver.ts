/** Claude Code for tasks nobody watches at a terminal: without its screen, everything else the same. */
import { BerthError } from '@berth/wire'
import type { CreateDriver } from '../../../contracts.ts'
import { createAgentFiles } from '../agent-file.ts'
import { beginConversation } from '../claude/beginning.ts'
import { createConversation } from '../claude/conversation.ts'
import { claudeEnvironment, configDirOf, hasLogin, PERMISSION_MODE, PINNED_VERSION } from '../claude/launch.ts'
import { hasConversation, transcriptOf } from '../claude/program.ts'
import { extraArguments, programWords } from '../command-line.ts'
import { claudeMcpWords } from '../mcp-servers.ts'
import { createSpokenDriver } from '../conversation/driver.ts'
import { createRelayedVoice } from '../relay/voice.ts'
import { createHeadlessProtocol } from './protocol.ts'

const NO_LOGIN = 'claude has no login here: sign in with `berth sign-in` or on the page, or make a new workspace with `berth up --env ANTHROPIC_API_KEY` or `--env CLAUDE_CODE_OAUTH_TOKEN`; then send a message'
const SPEAKS = ['-p', '--input-format', 'stream-json', '--output-format', 'stream-json', '--verbose', '--include-partial-messages', '--permission-prompt-tool', 'stdio']
const RESUMED = 'headless-resumed'

export const createHeadlessDriver: CreateDriver = (deps) => {
  const { context: { boot, journal }, assignment, asAgent } = deps
  const { agent } = assignment
  const files = createAgentFiles(boot.agentUser?.uid ?? null)
  const configDir = configDirOf(boot, asAgent.environment(assignment.env))
  const env = claudeEnvironment({ assignment, configDir, asRoot: boot.agentUser === null && process.getuid?.() === 0 })
  const conversation = createConversation({ journal, sessionId: agent.sessionId })
  return createSpokenDriver(deps, (ear) => createRelayedVoice(deps, {
    driver: 'claude-headless', title: 'claude', steers: true, saysWhy: true,
    async command() {
      if (!hasLogin({ files, env: asAgent.environment(env), configDir })) {
        ear.noLogin(NO_LOGIN)
        throw new BerthError('agent_unavailable', 'claude has no login')
      }
      await beginConversation(deps, { files, configDir, conversation })
      const transcript = transcriptOf(configDir, conversation.uuid)
      const resumed = hasConversation(files, transcript)
      // A file of settings only is in the way of a new conversation.
      if (!resumed && transcript !== null) await asAgent.run(['rm', '-f', '--', transcript], {})
      ear.remember(RESUMED, resumed ? 'yes' : null)
      return { argv: [...programWords(deps, 'claude'), ...claudeMcpWords(deps), ...SPEAKS, resumed ? '--resume' : '--session-id', conversation.uuid, ...PERMISSION_MODE[agent.approvalMode], ...extraArguments(agent.command)], env }
    },
    speak: (voice) => createHeadlessProtocol(voice, { sessionId: agent.sessionId, workDir: boot.workDir, version: agent.version ?? PINNED_VERSION, resumed: () => ear.recall(RESUMED) !== null, moved: (uuid) => { conversation.moved(uuid) } }),
  }, ear))
}
