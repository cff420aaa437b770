using Microsoft.Win32.SafeHandles;

namespace ModelFs.Fuse;

/// <summary>Where requests come from and replies go: <c>/dev/fuse</c>, or a script that plays the kernel.</summary>
/// <remarks>Its members are called by several threads at once. Whoever made it disposes it, once the session has ended.</remarks>
public interface IFuseDevice : IDisposable
{
    /// <summary>Blocks until there is a request, and copies one whole request.</summary>
    /// <returns>Its length; 0 once the connection has ended.</returns>
    /// <exception cref="IOException">The device failed in a way that no connection ends.</exception>
    int Read(Span<byte> request);

    /// <summary>Sends one reply or notification: the header and what follows it, as one message.</summary>
    /// <returns>ENOENT when nobody waits for this reply any more (or the kernel knows nothing of what a notification names), ENODEV when the connection has ended.</returns>
    Errno Write(ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload);

    /// <summary>Registers a file that the kernel may read in our place.</summary>
    /// <param name="backingId">Above 0 on success.</param>
    Errno OpenBacking(SafeFileHandle file, out int backingId);

    Errno CloseBacking(int backingId);
}
