/** GitHub's published description: its judge, and what fills the forms that it wants. */
import { createFill, createGuard } from '@berth/sim-spec'
import type { Description, Guard } from '@berth/sim-spec'
import description from './api.json'
import { OVERLAYS } from './overlay.ts'

// The description is data of a known form; TypeScript sees only its literal types.
const DESCRIPTION = description as unknown as Description

export const { filled, filledIn } = createFill(DESCRIPTION.components.schemas)
export const SCHEMAS = DESCRIPTION.components.schemas
/** What breaks it is an answer 422, or an error of the simulator. */
export const createGitHubGuard = (): Guard => createGuard({ description: DESCRIPTION, overlays: OVERLAYS, refusal: 'basic-error' })
