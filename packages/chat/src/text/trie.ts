/** Texts by their characters, one a level; `end`: one of the texts ends here. */
export interface TrieNode {
  readonly next: Map<string, TrieNode>;
  end: boolean;
}

export function emptyTrie(): TrieNode {
  return { next: new Map(), end: false };
}

export function addText(root: TrieNode, text: string): void {
  let node = root;
  for (const letter of text) {
    let next = node.next.get(letter);
    if (next === undefined) {
      next = emptyTrie();
      node.next.set(letter, next);
    }
    node = next;
  }
  node.end = true;
}
