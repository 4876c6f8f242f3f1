/** The security group of an installation, free of charge. */
import { ProviderFault } from '@berth/core'
import { installationShown, OWNER_LABEL } from '../owner-labels.ts'
import { isRefusal } from './client.ts'
import type { Deps } from './deps.ts'
import { itemsOf, textOf } from './xml.ts'

const groupName = (installation: string): string => `berth-${installationShown(installation)}`

async function groupOf({ api, options }: Deps, signal: AbortSignal): Promise<{ id: string; ours: boolean } | null> {
  const { items } = await api.list('DescribeSecurityGroups', { set: 'securityGroupInfo', parameters: { Filter: [{ Name: 'group-name', Value: [groupName(options.installation)] }] }, what: 'looking for the security group' }, signal)
  const [found] = items
  if (found === undefined) return null
  return { id: textOf(found, 'groupId'), ours: itemsOf(found, 'tagSet').some((tag) => textOf(tag, 'key') === OWNER_LABEL.installation && textOf(tag, 'value') === options.installation) }
}

/** One for the installation, free of charge: nothing comes in, all goes out. */
export async function ensureGroup(deps: Deps, vpc: string, signal: AbortSignal): Promise<string> {
  const there = await groupOf(deps, signal)
  if (there?.ours === false) throw new ProviderFault('conflict', `a security group named ${groupName(deps.options.installation)} belongs to somebody else`, { hint: 'rename or remove it in the console of Amazon' })
  if (there !== null) return there.id
  try {
    const answer = await deps.api.call('CreateSecurityGroup', { parameters: { GroupName: groupName(deps.options.installation), GroupDescription: 'Workspaces of Berth: nothing comes in', VpcId: vpc, TagSpecification: [{ ResourceType: 'security-group', Tag: [{ Key: OWNER_LABEL.installation, Value: deps.options.installation }] }] }, what: 'making the security group' }, signal)
    return textOf(answer, 'groupId')
  } catch (error) {
    // Another workspace was faster, and lists may not have it yet.
    if (isRefusal(error, 'InvalidGroup.Duplicate')) throw new ProviderFault('transient', 'the security group is made', { hint: 'it is tried again', cause: error })
    throw error
  }
}

/** When the last machine went. Where one still uses it, it stays. */
export async function removeGroup(deps: Deps, signal: AbortSignal): Promise<void> {
  const there = await groupOf(deps, signal)
  if (there?.ours !== true) return
  try {
    await deps.api.call('DeleteSecurityGroup', { parameters: { GroupId: there.id }, what: 'removing the security group' }, signal)
  } catch (error) {
    if (!isRefusal(error, 'DependencyViolation', 'InvalidGroup.NotFound', 'InvalidGroup.InUse')) throw error
  }
}
