namespace ModelFs.Hosting;

/// <summary>Has what waits for a socket go on where the socket is read, without a way through the pool: a tenth of what a cold byte costs.</summary>
/// <remarks>
/// The runtime offers it as a variable only, which it reads with the first socket. Of what uses sockets here Kestrel takes its work to the
/// pool by itself, the registries as soon as they have an answer, and blocks on their way to the cache stay: nothing that they pass blocks.
/// A verb that is no daemon goes without: it may wait where it likes.
/// </remarks>
internal static class InlineSockets
{
    private const string Variable = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    /// <summary>Before the first socket. Whoever has set the variable is left their way.</summary>
    public static void Enable()
    {
        if (Environment.GetEnvironmentVariable(Variable) is null)
            Environment.SetEnvironmentVariable(Variable, "1");
    }
}
