using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ModelFs.Monitoring;

/// <summary>The port for probes and for Prometheus. Apart from the control socket: whoever reaches it can look, and change nothing.</summary>
internal sealed class MonitorServer : IAsyncDisposable
{
    /// <summary>A prober and a scraper or two; more is somebody who keeps connections from them.</summary>
    private const int MostConnections = 64;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly WebApplication app;
    private readonly MetricCollector metrics;

    private MonitorServer(WebApplication app, MetricCollector metrics) => (this.app, this.metrics) = (app, metrics);

    /// <exception cref="CommandException">The port cannot be had.</exception>
    public static async Task<MonitorServer> StartAsync(IPEndPoint endPoint, Health health, ILoggerFactory logs, CancellationToken cancellation)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.Replace(ServiceDescriptor.Singleton(logs));
        builder.Services.Configure<ConsoleLifetimeOptions>(o => o.SuppressStatusMessages = true);
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(1));
        builder.WebHost.UseKestrelCore();
        builder.Services.Configure<KestrelServerOptions>(o =>
        {
            o.AddServerHeader = false;
            o.Limits.MaxConcurrentConnections = MostConnections;
            o.Limits.RequestHeadersTimeout = Patience;
            o.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(2);
            o.Limits.MaxRequestBodySize = 0;
            o.Listen(endPoint);
        });
        var app = builder.Build();
        var metrics = new MetricCollector("ModelFs");
        app.Run(context => HandleAsync(context, health, metrics));
        try
        {
            await app.StartAsync(cancellation);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            await app.DisposeAsync();
            metrics.Dispose();
            throw new CommandException($"metrics: {endPoint} cannot be listened on: {(e.InnerException ?? e).Message}; give another ADDRESS:PORT");
        }

        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        Log.Monitoring(logs.CreateLogger("ModelFs.Monitoring"), address);
        return new MonitorServer(app, metrics);
    }

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync();
        await app.DisposeAsync();
        metrics.Dispose();
    }

    private static Task HandleAsync(HttpContext context, Health health, MetricCollector metrics)
    {
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
            return WriteAsync(context, StatusCodes.Status405MethodNotAllowed, "GET only\n");
        return context.Request.Path.Value switch
        {
            "/healthz/started" => AnswerAsync(context, Task.FromResult(health.WhyNotStarted())),
            "/healthz/ready" => AnswerAsync(context, health.WhyNotReadyAsync()),
            "/healthz/live" => AnswerAsync(context, health.WhyNotLiveAsync()),
            "/metrics" => WriteAsync(context, StatusCodes.Status200OK, metrics.Write(), PrometheusText.ContentType),
            _ => WriteAsync(context, StatusCodes.Status404NotFound, "there is /metrics, /healthz/started, /healthz/ready and /healthz/live\n"),
        };
    }

    private static async Task AnswerAsync(HttpContext context, Task<string?> wrong) =>
        await (await wrong is { } reason
            ? WriteAsync(context, StatusCodes.Status503ServiceUnavailable, reason + "\n")
            : WriteAsync(context, StatusCodes.Status200OK, "ok\n"));

    private static Task WriteAsync(HttpContext context, int status, string text, string type = "text/plain; charset=utf-8")
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : context.Response.WriteAsync(text, context.RequestAborted);
    }
}
