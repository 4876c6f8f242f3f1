import { describe, expect, it } from 'bun:test'
import { detectLanguage } from './detect-language.ts'
import { findDevcontainer } from './find-devcontainer.ts'
import { projectKey, projectKeyOf } from './project-key.ts'

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

describe('the name of a project', () => {
  it.each(['https://git.example/owner/name', 'https://git.example/owner/name.git', 'https://token@GIT.example/owner/name.git/', 'git@git.example:owner/name.git', 'git.example:owner/name', 'ssh://git@git.example/owner/name'])('is one, however %s is written', (address) => {
    expect(projectKey(address)).toBe('git.example/owner/name')
  })

  it('is another one for another port, another case of the path, or a directory', () => {
    expect(projectKey('https://git.example:8443/owner/name')).toBe('git.example:8443/owner/name')
    expect(projectKey('https://git.example/Owner/name')).toBe('git.example/Owner/name')
    expect([projectKey('/home/me/a b/'), projectKey('file:///home/me/a%20b'), projectKey('/')]).toEqual(['/home/me/a b', '/home/me/a b', '/'])
    expect([projectKeyOf({ kind: 'empty' }), projectKeyOf({ kind: 'hosted', label: '/home/me' }), projectKeyOf({ kind: 'git', url: 'https://h.example/a.git' })]).toEqual([null, '/home/me', 'h.example/a'])
  })
})
