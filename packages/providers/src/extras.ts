/** What people are told of a machine whose agent may do more than the usual. */
import type { MachineMade } from '@berth/core'

type Notice = MachineMade['notices'][number]
export const SUDO_NOTICE: Notice = { level: 'warning', code: 'sudo', message: 'the agent may become root in its machine: it can read what Berth keeps there, and answer in its daemon\'s name', hint: 'what the project always needs is better in its Dockerfile' }
export const ENGINE_IS_ROOT: Notice = { level: 'warning', code: 'docker_inside', message: 'the agent has a Docker engine in its machine, and may become root there by it: it can read what Berth keeps there, and answer in its daemon\'s name', hint: null }
