using System.CommandLine;
using Microsoft.Win32.SafeHandles;

namespace ModelFs.Commands;

internal static class CatCommand
{
    public static Command Create()
    {
        var path = new Argument<string>("PATH") { Description = StoreVerb.PathHelp };
        var command = new Verb("cat", "Writes a file to standard output.", "modelfs cat MLFLOW/iris/champion/MLmodel");
        command.Arguments.Add(path);
        command.SetStoreAction(p => [p.GetValue(path)!], async (_, store, paths, cancellation) =>
        {
            await using var output = OpenOutput();
            try
            {
                await store.CopyAsync(paths[0], content => WriteAsync(output, content, cancellation), cancellation);
                return ExitCode.Ok;
            }
            catch (OutputException e) when (e.IsBrokenPipe)
            {
                // Whoever reads has enough: `modelfs cat … | head` is no failure.
                return ExitCode.Ok;
            }
            catch (OutputException e)
            {
                throw new CommandException($"standard output cannot be written: {e.Message}");
            }
        });
        return command;
    }

    private static async ValueTask WriteAsync(Stream output, ReadOnlyMemory<byte> content, CancellationToken cancellation)
    {
        try
        {
            await output.WriteAsync(content, cancellation);
        }
        catch (IOException e)
        {
            throw new OutputException(e);
        }
    }

    /// <summary>
    /// The console's stream swallows a broken pipe, and would have a whole model fetched for nobody; a file stream keeps an offset of its own,
    /// which is wrong for a file that several commands write to one after the other. So pipes get the one, files the other.
    /// </summary>
    private static Stream OpenOutput()
    {
        var stream = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        return stream.CanSeek ? Console.OpenStandardOutput() : stream;
    }

    /// <summary>Standard output could not be written, which is another matter than a source that cannot be read.</summary>
    private sealed class OutputException(IOException inner) : Exception(inner.Message, inner)
    {
        private const int BrokenPipe = 32;

        /// <summary>.NET puts the errno where Windows would have its HRESULT.</summary>
        public bool IsBrokenPipe => (InnerException!.HResult & 0xFFFF) == BrokenPipe;
    }
}
