import { useEffect } from 'preact/hooks'
import type { ApprovalId } from '@berth/wire'
import { sayFocus } from './live.ts'

/** This question is on the screen: while the page has the focus, nobody is sent a push for it. */
export function useInSight(approvalId: ApprovalId | null): void {
  useEffect(() => {
    if (approvalId === null) return
    const say = () => sayFocus(approvalId)
    say()
    for (const name of ['focus', 'blur']) addEventListener(name, say)
    return () => {
      for (const name of ['focus', 'blur']) removeEventListener(name, say)
      sayFocus(null)
    }
  }, [approvalId])
}
