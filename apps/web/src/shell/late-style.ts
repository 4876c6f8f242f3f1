/** The style of what is not seen at first. It travels with the scripts that need it. */
import { adoptStyle } from '../rooms/adopt-style.ts'
import css from '../style/sheets.css' with { type: 'text' }

adoptStyle(css)
