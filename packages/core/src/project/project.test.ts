import { describe, expect, it } from 'bun:test'
import { detectLanguage } from './detect-language.ts'
import { findDevcontainer } from './find-devcontainer.ts'

describe('the language of a project', () => {
  it.each([
    ['Node', ['package.json', 'src/main.ts']], ['Python', ['README.md', 'requirements.txt']], ['Python', ['pyproject.toml']],
    ['Go', ['go.mod', 'main.go']], ['Rust', ['Cargo.toml', 'Cargo.lock']], ['Java', ['pom.xml']], ['Java', ['build.gradle.kts']],
    ['Ruby', ['Gemfile']], ['Ruby', ['thing.gemspec']], ['PHP', ['composer.json']], ['.NET', ['App.sln']], ['.NET', ['App.csproj']],
  ])('is %s where the root has %p', (name, outline) => {
    expect(detectLanguage(outline)?.name).toBe(name)
  })

  it('is the one of the server side where package.json only builds the pages', () => {
    for (const [file, name] of [['go.mod', 'Go'], ['Gemfile', 'Ruby'], ['composer.json', 'PHP'], ['pyproject.toml', 'Python']] as const) {
      expect(detectLanguage(['package.json', file])?.name).toBe(name)
    }
  })

  it('is not guessed from what lies deeper, nor from nothing', () => {
    expect(detectLanguage(['docs/package.json', 'README.md'])).toBeNull()
    expect(detectLanguage([])).toBeNull()
  })

  it('says which file told it', () => {
    expect(detectLanguage(['go.mod'])).toEqual({ name: 'Go', image: 'golang:1', because: 'go.mod' })
  })
})

describe('the devcontainer of a project', () => {
  it('is found in the order of the specification', () => {
    const all = ['.devcontainer/b/devcontainer.json', '.devcontainer.json', '.devcontainer/devcontainer.json', '.devcontainer/a/devcontainer.json']
    expect(findDevcontainer(all)).toEqual({ path: '.devcontainer/devcontainer.json', others: ['.devcontainer.json', '.devcontainer/a/devcontainer.json', '.devcontainer/b/devcontainer.json'] })
    expect(findDevcontainer(['.devcontainer.json'])?.path).toBe('.devcontainer.json')
    expect(findDevcontainer(all.slice(0, 1))?.path).toBe('.devcontainer/b/devcontainer.json')
  })

  it('is not one deeper down, nor one elsewhere', () => {
    expect(findDevcontainer(['.devcontainer/a/b/devcontainer.json', 'x/.devcontainer/devcontainer.json', 'devcontainer.json'])).toBeNull()
  })
})
