using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ModelFs.Control;

/// <summary>The daemon's side of the control socket: HTTP, so that <c>curl --unix-socket</c> can ask too.</summary>
internal static class ControlServer
{
    public static void Listen(IWebHostBuilder host, Func<Socket> bind)
    {
        host.UseKestrelCore();
        host.ConfigureServices(services =>
        {
            services.Configure<KestrelServerOptions>(o =>
            {
                o.AddServerHeader = false;
                // `modelfs cat … | less` may stop reading for as long as somebody reads a page.
                o.Limits.MinResponseDataRate = null;
                // The address is a placeholder: the socket is bound below, with its mode, before anybody can connect.
                o.ListenUnixSocket("/modelfs.sock");
            });
            services.Configure<SocketTransportOptions>(o => o.CreateBoundListenSocket = _ => bind());
        });
    }

    /// <param name="daemon">Who the daemon is, and how its mount is just now.</param>
    public static void Map(WebApplication app, IStore store, Func<DaemonReport> daemon)
    {
        var stopping = app.Services.GetRequiredService<IHostApplicationLifetime>();
        app.Run(context => HandleAsync(context, store, daemon, stopping));
    }

    private static async Task HandleAsync(HttpContext context, IStore store, Func<DaemonReport> describe, IHostApplicationLifetime lifetime)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        var path = context.Request.Query["path"].ToString();
        try
        {
            switch (context.Request.Method, context.Request.Path.Value)
            {
                case ("GET", "/status"):
                    var daemon = describe();
                    var status = await store.GetStatusAsync(end.Token) with { Daemon = daemon, Mounts = [daemon.MountPoint], DeadMounts = [] };
                    await WriteAsync(context, status, ReportJson.Default.StatusReport);
                    break;
                case ("GET", "/daemon"):
                    await WriteAsync(context, describe(), ReportJson.Default.DaemonReport);
                    break;
                case ("GET", "/stat"):
                    await WriteAsync(context, await store.StatAsync(path, end.Token), CacheJson.Default.StatReport);
                    break;
                case ("GET", "/resolve"):
                    var entry = await store.ResolveAsync(path, end.Token);
                    await WriteAsync(context, entry, ReportJson.Default.EntryReport);
                    break;
                case ("GET", "/list"):
                    await WriteLinesAsync(context, store.ListAsync(path, end.Token), ReportJson.Default.LineEntryReport);
                    break;
                case ("GET", "/content"):
                    await WriteContentAsync(context, store, path, end.Token);
                    break;
                case ("POST", "/prefetch"):
                    var request = await JsonSerializer.DeserializeAsync(context.Request.Body, ReportJson.Default.PrefetchRequest, end.Token);
                    var reports = store.PrefetchAsync(request ?? throw new JsonException("nothing is asked for"), end.Token);
                    await WriteLinesAsync(context, reports, ReportJson.Default.LinePrefetchReport);
                    break;
                case ("POST", "/stop"):
                    context.Response.StatusCode = StatusCodes.Status202Accepted;
                    await context.Response.CompleteAsync();
                    lifetime.StopApplication();
                    break;
                case var _ when await CacheRequests.TryHandleAsync(context, store.Cache, end.Token):
                    break;
                default:
                    const string Unknown = "this daemon knows no such request; is the command line of another version?";
                    await FailAsync(context, StatusCodes.Status404NotFound, Unknown);
                    break;
            }
        }
        catch (CommandException e) when (!context.Response.HasStarted)
        {
            await FailAsync(context, StatusCodes.Status422UnprocessableEntity, e.Message);
        }
        catch (JsonException e) when (!context.Response.HasStarted)
        {
            await FailAsync(context, StatusCodes.Status400BadRequest, e.Message);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            context.Abort();
        }
    }

    public static async Task WriteLinesAsync<T>(HttpContext context, IAsyncEnumerable<T> items, JsonTypeInfo<Line<T>> type)
    {
        context.Response.ContentType = "application/x-ndjson";
        // Whoever asks waits so long for an answer and no longer; what comes first may take minutes, of ten thousand models.
        await context.Response.Body.FlushAsync(context.RequestAborted);
        string? error = null;
        try
        {
            await foreach (var item in items)
                await WriteLineAsync(context, new Line<T>(item, null), type);
        }
        catch (CommandException e)
        {
            error = e.Message;
        }

        if (error is not null)
            await WriteLineAsync(context, new Line<T>(default, error), type);
    }

    private static async Task WriteLineAsync<T>(HttpContext context, Line<T> line, JsonTypeInfo<Line<T>> type)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(line, type);
        await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
        await context.Response.Body.WriteAsync("\n"u8.ToArray(), context.RequestAborted);
    }

    private static async Task WriteContentAsync(HttpContext context, IStore store, string path, CancellationToken cancellation)
    {
        context.Response.ContentType = "application/octet-stream";
        string? error = null;
        try
        {
            await store.CopyAsync(path, content => ContentFrames.WriteAsync(context.Response.Body, content, cancellation), cancellation);
        }
        catch (CommandException e)
        {
            error = e.Message;
        }

        await ContentFrames.EndAsync(context.Response.Body, error, cancellation);
    }

    private static Task FailAsync(HttpContext context, int status, string message)
    {
        context.Response.StatusCode = status;
        return WriteAsync(context, new ErrorReport(message), ReportJson.Default.ErrorReport);
    }

    public static Task WriteAsync<T>(HttpContext context, T value, JsonTypeInfo<T> type)
    {
        context.Response.ContentType = "application/json";
        return JsonSerializer.SerializeAsync(context.Response.Body, value, type, context.RequestAborted);
    }
}
