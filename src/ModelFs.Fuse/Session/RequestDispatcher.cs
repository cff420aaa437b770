using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using ModelFs.Fuse.Protocol;

namespace ModelFs.Fuse.Session;

/// <summary>Takes one request to its handler, and what the handler returns to the kernel.</summary>
/// <remarks>Runs on the reader threads. A handler that completes at once is answered there; another by the thread that completes it.</remarks>
internal sealed class RequestDispatcher(
    FuseFileSystem fileSystem, ReplyChannel replies, PendingRequests pending, BufferPool buffers, Metrics metrics, ILogger logger)
{
    private const uint AccessModeMask = 3;
    private const uint Truncate = 0x200;
    private const uint WriteAccess = 2;

    private readonly Replies encode = new(fileSystem, replies, logger);

    /// <param name="message">One whole request as it was read. Its bytes are not used after the call.</param>
    public void Dispatch(ReadOnlySpan<byte> message)
    {
        ReadOnlySpan<byte> body = message;
        if (!RequestParser.TryTake(ref body, out InHeader header))
        {
            Log.MalformedRequest(logger, message.Length, 0);
            return;
        }

        if (header.Length != message.Length)
        {
            Malformed(header, message.Length);
            return;
        }

        switch (header.Opcode)
        {
            case FuseOpcode.Forget or FuseOpcode.BatchForget:
                Forget(header, body);
                break;
            case FuseOpcode.Interrupt:
                Interrupt(header, body);
                break;
            case FuseOpcode.Destroy:
                replies.Done(header.Unique);
                break;
            case FuseOpcode.Release or FuseOpcode.ReleaseDir:
                Release(header, body);
                break;
            case FuseOpcode.Access:
                Access(header, body);
                break;
            case FuseOpcode.SetAttr or FuseOpcode.Symlink or FuseOpcode.MkNod or FuseOpcode.MkDir or FuseOpcode.Unlink or FuseOpcode.RmDir
                or FuseOpcode.Rename or FuseOpcode.Rename2 or FuseOpcode.Link or FuseOpcode.Write or FuseOpcode.Create or FuseOpcode.TmpFile
                or FuseOpcode.SetXAttr or FuseOpcode.RemoveXAttr or FuseOpcode.FAllocate or FuseOpcode.CopyFileRange or FuseOpcode.CopyFileRange64:
                replies.Error(header.Unique, Errno.EROFS);
                break;
            case FuseOpcode.Lookup or FuseOpcode.GetAttr or FuseOpcode.StatX or FuseOpcode.ReadLink or FuseOpcode.Open or FuseOpcode.Read
                or FuseOpcode.OpenDir or FuseOpcode.ReadDir or FuseOpcode.ReadDirPlus or FuseOpcode.StatFs or FuseOpcode.GetXAttr
                or FuseOpcode.ListXAttr or FuseOpcode.LSeek:
                Handle(header, body);
                break;
            default:
                // FLUSH is among them: answered with ENOSYS once, the kernel never sends another, and close costs nothing.
                replies.Error(header.Unique, Errno.ENOSYS);
                break;
        }
    }

    private void Handle(in InHeader header, ReadOnlySpan<byte> body)
    {
        FuseRequest? request = pending.Begin(header);
        if (request is null)
        {
            Malformed(header, (int)header.Length);
            return;
        }

        try
        {
            if (!Call(request, header, body))
            {
                if (request.TryClaimAnswer())
                    Malformed(header, (int)header.Length);
                pending.End(request);
            }
        }
        catch (Exception exception)
        {
            Fail(request, exception);
            pending.End(request);
        }
    }

    /// <returns>False when the request is malformed; no handler was called.</returns>
    private bool Call(FuseRequest request, in InHeader header, ReadOnlySpan<byte> body)
    {
        ulong node = header.Node;
        switch (header.Opcode)
        {
            case FuseOpcode.Lookup when RequestParser.TryTakeName(ref body, out ReadOnlySpan<byte> name):
                Complete(request, fileSystem.LookupAsync(request, node, name), encode.Entry, 0);
                return true;
            case FuseOpcode.GetAttr when RequestParser.TryTake(ref body, out GetAttrIn _):
                Complete(request, fileSystem.GetAttributesAsync(request, node), encode.Attributes, 0);
                return true;
            case FuseOpcode.StatX when RequestParser.TryTake(ref body, out StatXIn _):
                Complete(request, fileSystem.GetAttributesAsync(request, node), encode.StatX, 0);
                return true;
            case FuseOpcode.ReadLink:
                Complete(request, fileSystem.ReadLinkAsync(request, node), encode.Bytes, 0);
                return true;
            case FuseOpcode.Open when RequestParser.TryTake(ref body, out OpenIn open):
                bool writes = (open.Flags & AccessModeMask) != 0 || (open.Flags & Truncate) != 0;
                Complete(request, writes ? new(Errno.EROFS) : fileSystem.OpenAsync(request, node), encode.Open, 0);
                return true;
            case FuseOpcode.OpenDir when RequestParser.TryTake(ref body, out OpenIn _):
                Complete(request, fileSystem.OpenDirectoryAsync(request, node), encode.Open, 0);
                return true;
            // A size over the agreed one is no READ of this connection; cut short, it would look like the end of the file.
            case FuseOpcode.Read when RequestParser.TryTake(ref body, out ReadIn read)
                                   && read.Size <= buffers.BufferSize && read.Offset <= long.MaxValue:
                Memory<byte> destination = request.Buffer.Lend((int)read.Size);
                Complete(request, fileSystem.ReadAsync(request, node, read.Handle, (long)read.Offset, destination), encode.Read, read.Size);
                return true;
            case FuseOpcode.ReadDir or FuseOpcode.ReadDirPlus when RequestParser.TryTake(ref body, out ReadIn list):
                request.Entries.Begin((int)Math.Min(list.Size, int.MaxValue), header.Opcode == FuseOpcode.ReadDirPlus);
                Complete(request, fileSystem.ReadDirectoryAsync(request, node, list.Handle, (long)list.Offset, request.Entries), encode.Directory, 0);
                return true;
            case FuseOpcode.StatFs:
                Complete(request, fileSystem.GetStatisticsAsync(request, node), encode.Statistics, 0);
                return true;
            case FuseOpcode.GetXAttr when RequestParser.TryTake(ref body, out GetXAttrIn get)
                                       && RequestParser.TryTakeName(ref body, out ReadOnlySpan<byte> attribute):
                Complete(request, fileSystem.GetExtendedAttributeAsync(request, node, attribute), encode.ExtendedAttribute, get.Size);
                return true;
            case FuseOpcode.ListXAttr when RequestParser.TryTake(ref body, out GetXAttrIn names):
                Complete(request, fileSystem.ListExtendedAttributesAsync(request, node), encode.ExtendedAttribute, names.Size);
                return true;
            case FuseOpcode.LSeek when RequestParser.TryTake(ref body, out LSeekIn seek):
                Complete(request, fileSystem.SeekAsync(request, node, seek.Handle, (long)seek.Offset, (int)seek.Whence), encode.Seek, 0);
                return true;
            default:
                return false;
        }
    }

    /// <param name="size">What the request asked for, where the answer depends on it.</param>
    private void Complete<T>(FuseRequest request, in ValueTask<FuseResult<T>> task, ReplyWriter<T> write, uint size)
    {
        if (!task.IsCompletedSuccessfully)
        {
            _ = CompleteLaterAsync(request, task, write, size);
            return;
        }

        Answer(request, task.Result, write, size);
        pending.End(request);
    }

    private async Task CompleteLaterAsync<T>(FuseRequest request, ValueTask<FuseResult<T>> task, ReplyWriter<T> write, uint size)
    {
        try
        {
            Answer(request, await task.ConfigureAwait(false), write, size);
        }
        catch (Exception exception)
        {
            Fail(request, exception);
        }
        finally
        {
            pending.End(request);
        }
    }

    private void Answer<T>(FuseRequest request, in FuseResult<T> result, ReplyWriter<T> write, uint size)
    {
        bool claimed = request.TryClaimAnswer();
        if (result.IsOk)
            write(request, result.Value, size, claimed);
        else if (claimed)
            replies.Error(request.Unique, Replies.Permitted(request.Opcode, result.Error));
    }

    private void Fail(FuseRequest request, Exception exception)
    {
        if (!request.TryClaimAnswer())
        {
            Log.FailedLate(logger, request.Opcode, request.Node, exception.Message);
            return;
        }

        if (exception is OperationCanceledException && request.IsInterrupted)
        {
            replies.Error(request.Unique, Errno.EINTR);
            return;
        }

        if (exception is not OperationCanceledException || !request.Cancelled.IsCancellationRequested)
        {
            metrics.HandlerFailed(request.Opcode);
            Log.HandlerFailed(logger, exception, request.Opcode, request.Node);
        }

        replies.Error(request.Unique, Errno.EIO);
    }

    private void Interrupt(in InHeader header, ReadOnlySpan<byte> body)
    {
        if (!RequestParser.TryTake(ref body, out InterruptIn interrupt))
        {
            Malformed(header, (int)header.Length);
            return;
        }

        // Unknown: it is answered already, and the kernel ignores this; or another thread has read it and not registered it yet,
        // and the kernel sends the INTERRUPT again.
        if (!pending.Interrupt(interrupt.Unique))
            replies.Error(header.Unique, Errno.EAGAIN);
    }

    private void Access(in InHeader header, ReadOnlySpan<byte> body)
    {
        // The kernel checks permissions itself (default_permissions); what is left to say is that nothing is writable.
        if (!RequestParser.TryTake(ref body, out AccessIn access))
            Malformed(header, (int)header.Length);
        else if ((access.Mask & WriteAccess) != 0)
            replies.Error(header.Unique, Errno.EROFS);
        else
            replies.Done(header.Unique);
    }

    private void Release(in InHeader header, ReadOnlySpan<byte> body)
    {
        if (!RequestParser.TryTake(ref body, out ReleaseIn release))
        {
            Malformed(header, (int)header.Length);
            return;
        }

        try
        {
            if (header.Opcode == FuseOpcode.Release)
                fileSystem.Release(header.Node, release.Handle);
            else
                fileSystem.ReleaseDirectory(header.Node, release.Handle);
        }
        catch (Exception exception)
        {
            Log.HandlerFailed(logger, exception, header.Opcode, header.Node);
        }

        replies.Done(header.Unique);
    }

    /// <summary>Nobody waits for an answer to these, malformed or not.</summary>
    private void Forget(in InHeader header, ReadOnlySpan<byte> body)
    {
        try
        {
            if (header.Opcode == FuseOpcode.Forget && RequestParser.TryTake(ref body, out ForgetIn forget))
                fileSystem.Forget(header.Node, forget.Count);
            else if (header.Opcode == FuseOpcode.BatchForget && RequestParser.TryTake(ref body, out BatchForgetIn batch))
            {
                ReadOnlySpan<ForgetOne> each = MemoryMarshal.Cast<byte, ForgetOne>(body);
                if (batch.Count > each.Length)
                    Log.MalformedRequest(logger, (int)header.Length, (uint)header.Opcode);
                else
                    foreach (ForgetOne one in each[..(int)batch.Count])
                        fileSystem.Forget(one.Node, one.Count);
            }
            else
                Log.MalformedRequest(logger, (int)header.Length, (uint)header.Opcode);
        }
        catch (Exception exception)
        {
            Log.HandlerFailed(logger, exception, header.Opcode, header.Node);
        }
    }

    private void Malformed(in InHeader header, int length)
    {
        Log.MalformedRequest(logger, length, (uint)header.Opcode);
        replies.Error(header.Unique, Errno.EINVAL);
    }
}
