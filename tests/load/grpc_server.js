// The methods of grpc_server.py on another gRPC, that of Node: bytes in, bytes out. Prints its
// port.
const grpc = require('@grpc/grpc-js');

const raw = {
    requestSerialize : (value) => value,
    requestDeserialize : (value) => value,
    responseSerialize : (value) => value,
    responseDeserialize : (value) => value,
};
const method =
    (name, requestStream,
     responseStream) => [name,
                         {path : '/test.Service/' + name, requestStream, responseStream, ...raw}];
const service = Object.fromEntries([
    method('Sink', false, false),
    method('Refuse', false, false),
    method('Stall', false, false),
    method('Collect', true, false),
    method('RefuseEarly', true, false),
    method('Many', false, true),
    method('None', false, true),
    method('Part', false, true),
    method('Echo', true, true),
]);
const refusal = (code, details) => ({code : grpc.status[code], details});

const server =
    new grpc.Server({'grpc.max_receive_message_length' : -1, 'grpc.max_concurrent_streams' : 1000});
server.addService(service, {
    Sink : (call, reply) => reply(null, Buffer.from(String(call.request.length))),
    Refuse : (call, reply) => reply(refusal('RESOURCE_EXHAUSTED', 'voll: 100% für heute\n')),
    Stall : () => {},
    Collect : (call, reply) => {
        let count = 0, total = 0;
        const wanted = call.metadata.get('wanted')[0];
        call.on('data', (message) => {
            count++;
            total += message.length;
        });
        call.on('end', () => {
            const found = `${count} ${total}`;
            if (wanted && wanted !== found)
                reply(refusal('DATA_LOSS', found));
            else
                reply(null, Buffer.from('collected'));
        });
    },
    RefuseEarly : (
        call, reply) => { call.once('data', () => reply(refusal('PERMISSION_DENIED', 'enough'))); },
    Many : (call) => {
        for (let length = 0; length < 5; length++)
            call.write(Buffer.alloc(length));
        call.end();
    },
    None : (call) => call.end(),
    Part : (call) => {
        call.write(Buffer.from('first'));
        call.emit('error', refusal('DATA_LOSS', 'the rest is gone'));
    },
    Echo : (call) => {
        call.on('data', (message) => call.write(message));
        call.on('end', () => call.end());
    },
});
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(),
                 (error, port) => console.log(error ? 0 : port));
