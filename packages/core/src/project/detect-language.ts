/**
 * The language of a project that says nothing about its environment, by the files at its root, and the image that its
 * people would reach for. One name a language: whoever wants another one says --image.
 */
export interface Language { readonly name: string; readonly image: string; /** The file that says so. */ readonly because: string }

type Sign = string | RegExp
interface Known { readonly name: string; readonly image: string; readonly signs: readonly Sign[] }

/** In the order of certainty: a package.json also stands in projects that only build their pages with it. */
const KNOWN: readonly Known[] = [
  { name: 'Go', image: 'golang:1', signs: ['go.mod', 'go.work'] },
  { name: 'Rust', image: 'rust:1', signs: ['Cargo.toml'] },
  { name: 'Java', image: 'maven:3-eclipse-temurin-21', signs: ['pom.xml'] },
  { name: 'Java', image: 'gradle:8-jdk21', signs: ['build.gradle', 'build.gradle.kts', 'settings.gradle', 'settings.gradle.kts'] },
  { name: '.NET', image: 'mcr.microsoft.com/dotnet/sdk:9.0', signs: [/\.(?:sln|slnx|csproj|fsproj|vbproj)$/, 'global.json'] },
  { name: 'Ruby', image: 'ruby:3', signs: ['Gemfile', /\.gemspec$/] },
  { name: 'PHP', image: 'php:8-cli', signs: ['composer.json'] },
  { name: 'Python', image: 'python:3', signs: ['pyproject.toml', 'requirements.txt', 'setup.py', 'setup.cfg', 'Pipfile', 'uv.lock', 'poetry.lock'] },
  { name: 'Node', image: 'node:22', signs: ['package.json', 'deno.json', 'bun.lock'] },
]

/** Null: nothing at the root says it. */
export function detectLanguage(outline: readonly string[]): Language | null {
  const root = outline.filter((path) => !path.includes('/'))
  for (const { name, image, signs } of KNOWN) {
    for (const sign of signs) {
      const because = root.find((path) => (typeof sign === 'string' ? path === sign : sign.test(path)))
      if (because !== undefined) return { name, image, because }
    }
  }
  return null
}
