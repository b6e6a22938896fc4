import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { createChannel, createClient } from 'nice-grpc';
import { ServerReflectionService } from 'nice-grpc-server-reflection';
import reflectionMessages from 'nice-grpc-server-reflection/lib/proto/grpc/reflection/v1/reflection_pb.js';
import { expect, it } from 'vitest';
import { services } from './all-services.js';
import { withServer } from './server.js';

const { ServerReflectionRequest } = reflectionMessages;

/** Asks a server all of it in one stream; resolves to the answers. */
async function ask(address: string, ...requests: reflectionMessages.ServerReflectionRequest[]) {
  const channel = createChannel(address);
  const client = createClient(ServerReflectionService, channel);
  const answers = [];
  async function* all() {
    yield* requests;
  }
  for await (const answer of client.serverReflectionInfo(all())) answers.push(answer);
  channel.close();
  return answers;
}

const askList = () => new ServerReflectionRequest().setListServices('*');
const askSymbol = (symbol: string) => new ServerReflectionRequest().setFileContainingSymbol(symbol);

async function listed(address: string): Promise<string[]> {
  const [answer] = await ask(address, askList());
  const list = answer?.getListServicesResponse()?.getServiceList() ?? [];
  return list.map((service) => service.getName()).toSorted();
}

it('lists every service that is served, and no other', async () => {
  await withServer({}, async ({ address }) => {
    expect(await listed(address)).toEqual(services.map(({ name }) => name).toSorted());
  });
  await withServer({ args: ['--services', 'numbers'] }, async ({ address }) => {
    expect(await listed(address)).toEqual([
      'NumStore',
      'grpc.health.v1.Health',
      'tally.v1.AdminService',
      'tally.v1.NumberService',
    ]);
  });
});

it('describes every method of every service, and its messages', async () => {
  await withServer({}, async ({ address }) => {
    const answers = await ask(address, ...services.map(({ name }) => askSymbol(name)));
    expect(answers).toHaveLength(services.length);
    for (const [i, { name, methods }] of services.entries()) {
      const files = (
        answers[i]?.getFileDescriptorResponse()?.getFileDescriptorProtoList_asU8() ?? []
      ).map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
      const fullName = (file: { package: string }, part: { name: string }) =>
        file.package === '' ? part.name : `${file.package}.${part.name}`;
      const service = files.flatMap((file) =>
        file.service.filter((service) => fullName(file, service) === name),
      )[0];
      expect(
        service?.method.map(({ name }) => name),
        name,
      ).toEqual(methods);
      const messages = files.flatMap((file) =>
        file.messageType.map((message) => `.${fullName(file, message)}`),
      );
      for (const { inputType, outputType } of service?.method ?? []) {
        expect(messages).toContain(inputType);
        expect(messages).toContain(outputType);
      }
    }
  });
});

it('knows a method and a message by name, with a package and without, and says what it does not know', async () => {
  await withServer({}, async ({ address }) => {
    const known = [
      'NumStore.SetNum',
      'SetNumRequest',
      'tally.v1.TableService.Upload',
      'tally.v1.UploadRequest',
    ];
    const unknown = ['Nothing', 'tally.v1.Nothing', 'NumStore.Nothing', ''];
    const answers = await ask(address, ...[...known, ...unknown].map(askSymbol));
    const names = answers.map((answer) => answer.hasFileDescriptorResponse());
    expect(names).toEqual([...known.map(() => true), ...unknown.map(() => false)]);
    for (const answer of answers.slice(known.length)) {
      expect(answer.getErrorResponse()?.getErrorCode()).toBe(5);
    }
    expect(answers.map((answer) => answer.getOriginalRequest()?.getFileContainingSymbol())).toEqual(
      [...known, ...unknown],
    );
  });
});
