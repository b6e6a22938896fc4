/** The part of a service that has these methods: what a test's own server offers. */
export function partOf<Methods extends object, Name extends keyof Methods>(
  service: { readonly name: string; readonly fullName: string; readonly methods: Methods },
  ...names: readonly Name[]
) {
  const { name, fullName } = service;
  const methods = Object.fromEntries(names.map((each) => [each, service.methods[each]]));
  return { name, fullName, methods: methods as Pick<Methods, Name> } as const;
}
