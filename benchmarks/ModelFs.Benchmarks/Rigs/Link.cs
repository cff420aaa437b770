using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace ModelFs.Benchmarks.Rigs;

/// <summary>
/// A stretch of network before a server: each connection has its own rate, and each question takes its time to arrive, the first one of a
/// connection twice, as a handshake does. Answers are spliced from socket to socket, so that the stretch costs next to no processor.
/// The delay is no more than that: windows do not have to grow, and nothing is lost.
/// </summary>
internal sealed class Link : IDisposable
{
    private const int PipeSize = 1 << 20;
    private const int Piece = 256 << 10;
    private const double Slack = 0.002; // seconds ahead of the rate before it is worth sleeping

    private readonly Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly IPEndPoint server;
    private readonly double bytesPerSecond;
    private readonly TimeSpan roundTrip;
    private int connections;

    /// <param name="bytesPerSecond">Of one connection; infinity for no limit.</param>
    public Link(int serverPort, double bytesPerSecond, TimeSpan roundTrip)
    {
        server = new IPEndPoint(IPAddress.Loopback, serverPort);
        (this.bytesPerSecond, this.roundTrip) = (bytesPerSecond, roundTrip);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(512);
        Uri = new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndPoint!).Port}/");
        Start(Accept);
    }

    public Uri Uri { get; }

    /// <summary>Made so far.</summary>
    public int Connections => Volatile.Read(ref connections);

    public void Dispose() => listener.Dispose();

    private static void Start(Action work) => new Thread(() => work()) { IsBackground = true }.Start();

    private void Accept()
    {
        try
        {
            while (true)
            {
                var client = listener.Accept();
                Interlocked.Increment(ref connections);
                Start(() => Serve(client));
            }
        }
        catch (SocketException)
        {
            // The link is taken down.
        }
        catch (ObjectDisposedException)
        {
        }
    }

    private void Serve(Socket client)
    {
        using (client)
        using (var upstream = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            try
            {
                client.NoDelay = upstream.NoDelay = true;
                upstream.Connect(server);
                var answers = new Thread(() => Answer(upstream, client)) { IsBackground = true };
                answers.Start();
                Ask(client, upstream);
                answers.Join();
            }
            catch (SocketException)
            {
                // One side hung up, and takes the other with it.
            }
        }
    }

    private void Ask(Socket client, Socket upstream)
    {
        var buffer = new byte[64 << 10];
        try
        {
            for (var first = true; client.Receive(buffer) is var count and > 0; first = false)
            {
                if (roundTrip > TimeSpan.Zero)
                    Thread.Sleep(first ? 2 * roundTrip : roundTrip);
                upstream.Send(buffer.AsSpan(0, count));
            }

            upstream.Shutdown(SocketShutdown.Both);
        }
        catch (SocketException)
        {
            upstream.Close();
        }
    }

    private void Answer(Socket upstream, Socket client)
    {
        var pipe = new int[2];
        if (Linux.Pipe(pipe, Linux.CloseOnExec) != 0)
            throw new BenchmarkException($"no pipe: errno {Marshal.GetLastPInvokeError()}");
        try
        {
            _ = Linux.Control(pipe[1], Linux.SetPipeSize, PipeSize);
            var (from, to) = ((int)upstream.Handle, (int)client.Handle);
            var rate = new Rate(bytesPerSecond, Slack);
            while (Linux.Splice(from, 0, pipe[1], 0, Piece, 0) is var count and > 0)
            {
                for (var left = count; left > 0;)
                {
                    var sent = Linux.Splice(pipe[0], 0, to, 0, left, 0);
                    if (sent <= 0)
                        return;
                    left -= sent;
                }

                rate.Sent(count);
            }
        }
        finally
        {
            _ = Linux.Close(pipe[0]);
            _ = Linux.Close(pipe[1]);
            Hang(client);
            Hang(upstream);
        }
    }

    private static void Hang(Socket socket)
    {
        try
        {
            socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It is down already.
        }
    }
}
