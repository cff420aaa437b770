using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Monitoring;

/// <summary>A collector on a socket, and the built program that pushes to it.</summary>
[Collection("mounts")]
public sealed class OtlpTests : IDisposable
{
    private readonly Scratch scratch = new();

    public void Dispose() => scratch.Dispose();

    [Fact]
    public async Task Metrics_are_pushed_to_the_collector_that_the_environment_names()
    {
        var received = new ConcurrentQueue<(string Path, string? Type, byte[] Body)>();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        await using var collector = builder.Build();
        collector.Run(async context =>
        {
            var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            received.Enqueue((context.Request.Path, context.Request.ContentType, body.ToArray()));
            context.Response.ContentType = "application/x-protobuf";
        });
        await collector.StartAsync();
        await using var origin = await Origin.StartAsync(scratch);
        var environment = new Dictionary<string, string>
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Urls.First(),
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
            ["OTEL_METRIC_EXPORT_INTERVAL"] = "200",
        };
        await using var mount = await ModelFsProcess.MountAsync(scratch, ["--registry", origin.Registry], environment);
        await ModelFsProcess.InTimeAsync(() => File.ReadAllBytes(Path.Combine(mount.MountPoint, "MLFLOW/tiny-bert/1/weights.bin")));

        string[] expected = ["modelfs.cache.reads", "modelfs.cache.used.bytes", "modelfs.fuse.request.duration", "modelfs.registry.bytes", "modelfs.registry.up", "process.resident.memory.bytes"];
        await ModelFsProcess.WaitForAsync(() => received.Any(r => expected.Except(Names(r.Body)).ToList() is []), "the metrics to arrive");
        Assert.All(received, r => Assert.Equal(("/v1/metrics", "application/x-protobuf"), (r.Path, r.Type)));
    }

    /// <summary>ExportMetricsServiceRequest.resource_metrics(1).scope_metrics(2).metrics(2).name(1)</summary>
    private static IEnumerable<string> Names(byte[] request) =>
        Fields(request, 1).SelectMany(r => Fields(r, 2)).SelectMany(s => Fields(s, 2)).SelectMany(m => Fields(m, 1)).Select(n => Encoding.UTF8.GetString(n));

    /// <summary>The length-delimited fields of this number in a protobuf message.</summary>
    private static List<byte[]> Fields(byte[] message, int number)
    {
        List<byte[]> found = [];
        for (var at = 0; at < message.Length;)
        {
            var key = Varint(message, ref at);
            switch (key & 7)
            {
                case 0:
                    Varint(message, ref at);
                    break;
                case 1:
                    at += 8;
                    break;
                case 2:
                    var length = (int)Varint(message, ref at);
                    if (key >> 3 == (ulong)number)
                        found.Add(message[at..(at + length)]);
                    at += length;
                    break;
                case 5:
                    at += 4;
                    break;
                default:
                    Assert.Fail($"no protobuf: wire type {key & 7}");
                    break;
            }
        }

        return found;
    }

    private static ulong Varint(byte[] message, ref int at)
    {
        ulong value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var part = message[at++];
            value |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80)
                return value;
        }
    }
}
