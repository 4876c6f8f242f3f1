/** Moved; kept until the import is switched. */
export { AgentTerminal, TerminalPane } from '../terminal/terminal-pane.tsx'
