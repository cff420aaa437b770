using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ModelFs.Testing;

namespace ModelFs.Tests.Harness;

/// <summary>A web server of the distribution that serves a directory on a port of its own on loopback: nginx, or Python's <c>http.server</c>.</summary>
internal sealed class FileServer : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly string program;
    private readonly string[] arguments;
    private readonly string log;
    private Process? process;

    private FileServer(int port, string program, string[] arguments, string log) =>
        (Port, this.program, this.arguments, this.log) = (port, program, arguments, log);

    public int Port { get; }

    /// <summary>What <c>--registry</c> takes.</summary>
    public string Registry => $"WWW=http:http://127.0.0.1:{Port}/";

    /// <summary>Requests for what lies below a path, as far as the server has logged them: the last ones come to the log after their answers.</summary>
    public int Requests(string path) => File.ReadLines(log).Count(line => line.Contains(path, StringComparison.Ordinal));

    /// <summary>nginx with <c>autoindex on</c>; its files lie in a directory of its own.</summary>
    public static async Task<FileServer> StartNginxAsync(string root, string own, bool autoindex = true)
    {
        DebianPackages.Require("nginx-light");
        var port = FreePort();
        Directory.CreateDirectory(own);
        var log = Path.Combine(own, "access.log");
        var user = Environment.IsPrivilegedProcess ? "user root;" : "";
        await File.WriteAllTextAsync(Path.Combine(own, "nginx.conf"), $$"""
            daemon off; master_process off; worker_processes 1; pid {{own}}/pid; error_log {{own}}/error.log; {{user}}
            events {}
            http {
              access_log {{log}};
              client_body_temp_path {{own}}/t1; proxy_temp_path {{own}}/t2; fastcgi_temp_path {{own}}/t3; uwsgi_temp_path {{own}}/t4; scgi_temp_path {{own}}/t5;
              server { listen 127.0.0.1:{{port}}; root {{root}}; autoindex {{(autoindex ? "on" : "off")}}; }
            }
            """);
        var server = new FileServer(port, "/usr/sbin/nginx", ["-c", Path.Combine(own, "nginx.conf")], log);
        await server.StartAsync();
        return server;
    }

    /// <summary>No ranges and no entity tags.</summary>
    public static async Task<FileServer> StartPythonAsync(string root, string own)
    {
        DebianPackages.Require("python3");
        var port = FreePort();
        Directory.CreateDirectory(own);
        var log = Path.Combine(own, "access.log");
        // By a shell, whose redirection keeps the log; exec, so that the process that is ended is the server.
        var command = string.Create(
            CultureInfo.InvariantCulture, $"exec /usr/bin/python3 -u -m http.server {port} --bind 127.0.0.1 --directory '{root}' 2>> '{log}'");
        var server = new FileServer(port, "/bin/sh", ["-c", command], log);
        await server.StartAsync();
        return server;
    }

    public async Task StartAsync()
    {
        process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        await ModelFsProcess.WaitForAsync(() => process.HasExited || IsListening(), $"{program} on port {Port}");
        if (process.HasExited)
            throw new InvalidOperationException($"{program} ended with {process.ExitCode}");
    }

    public async Task StopAsync()
    {
        process!.Kill();
        await process.WaitForExitAsync().WaitAsync(Limit);
        process.Dispose();
        process = null;
    }

    public async ValueTask DisposeAsync()
    {
        if (process is not null)
            await StopAsync();
    }

    /// <summary>Below those that Linux gives to connections: while the server is down, nobody else gets its port.</summary>
    private static int FreePort()
    {
        while (true)
        {
            var port = Random.Shared.Next(10_000, 32_000);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Somebody has it.
            }
        }
    }

    private bool IsListening()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Connect(IPAddress.Loopback, Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
